// How are saved settings and defaults laid over each other? A module: pattern_configuration.js imports it.

const isPlain = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

// Gives an object with every field of `defaults`, those of `chosen` over them, and the same inside of objects. A
// configuration that was saved last year gets the fields that were invented since.
export function overlay(defaults, chosen) {
  const result = { ...defaults, ...chosen };
  for (const name of Object.keys(chosen)) {
    if (isPlain(defaults[name]) && isPlain(chosen[name])) {
      result[name] = overlay(defaults[name], chosen[name]);
    }
  }
  return result;
}
