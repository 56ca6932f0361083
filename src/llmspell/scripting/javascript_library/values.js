// How does a JavaScript value become JSON text without changing on the way, and text a value again?
// Gives: encode(value, float) -> text, or throws an Unfit; decode(text); wasFloat() for the value decoded last; and
// what the other parts are made with: own(method) -> function, flat(...texts).
// Nothing that a script can replace later is called: what is needed of the prototypes is held from the start.
(function () {
  'use strict';
  const { keys, getPrototypeOf, getOwnPropertySymbols, create } = Object;
  const { isArray } = Array, { isSafeInteger } = Number, { parse, stringify, rawJSON } = JSON;
  const { apply } = Reflect, { bind, call } = Function.prototype;
  const own = (method) => apply(bind, call, [method]);
  const find = own(RegExp.prototype.exec), marksOf = own(WeakMap.prototype.get), setMarks = own(WeakMap.prototype.set);
  const includes = own(String.prototype.includes), endsWith = own(String.prototype.endsWith);
  const code = own(String.prototype.charCodeAt), slice = own(String.prototype.slice);
  const isWellFormed = own(String.prototype.isWellFormed);
  const join = own(Array.prototype.join), concat = own(Array.prototype.concat);
  const plain = Object.prototype, arrays = Array.prototype, bigints = BigInt.prototype;
  const text = String, integer = BigInt;
  const fixed = { __proto__: null, writable: false, configurable: false };
  Object.defineProperty(String.prototype, 'concat', fixed); // the engine calls it for each text between backticks
  delete JSON.rawJSON; // text that a script has made so would get into the store unread

  // Puts texts together as one. A long one made with + is no plain text inside the engine, and could not leave it.
  const flat = (...texts) => join(texts, '');

  const MAX_DEPTH = 128;
  const CHANGES = 'changes while it is read';
  const LONE_SURROGATE = '\\ud'; // as JSON text spells one; a backslash before "ud" looks the same
  const LOWEST = -(2n ** 63n), HIGHEST = 2n ** 63n - 1n;

  // Numbers with a fraction of 0. JavaScript has one kind of number, so which of those that were loaded are floats is
  // remembered beside the object or array that they stand in, as long as it lives.
  const floats = new WeakMap();
  let anyFloats = false;
  let topFloat = false;

  // Decoding ---------------------------------------------------------------------------------------------------

  const UNUSUAL = 126; // "~", which the host puts before text with what may be an integer beyond 2^53 or a float as 1.0
  const NO_INTEGER = /[.eE]/;

  function revive(name, part, context) {
    if (typeof part !== 'number' || !isSafeInteger(part)) {
      if (typeof part === 'number' && !find(NO_INTEGER, context.source)) {
        return integer(context.source);
      }
    } else if (endsWith(context.source, '.0')) {
      anyFloats = true;
      let marks = marksOf(floats, this);
      if (!marks) {
        setMarks(floats, this, (marks = create(null)));
      }
      marks[name] = part;
      topFloat = name === '';
    }
    return part;
  }

  function decode(source) {
    topFloat = false;
    return code(source, 0) === UNUSUAL ? parse(slice(source, 1), revive) : parse(source);
  }

  // Encoding ---------------------------------------------------------------------------------------------------

  let unusual = false; // whether the value holds a number that `stringify` alone would change

  // Tells whether the value can be stored exactly.
  function fits(value, depth) {
    const kind = typeof value;
    if (kind === 'string' || kind === 'boolean' || value === null) {
      return true;
    } else if (kind === 'number') {
      if (isSafeInteger(value)) {
        unusual ||= value === 0 && 1 / value < 0;
        return true;
      }
      unusual ||= value % 1 === 0;
      return value - value === 0;
    } else if (kind === 'bigint') {
      unusual = true;
      return value >= LOWEST && value <= HIGHEST;
    } else if (kind !== 'object' || depth >= MAX_DEPTH || typeof value.toJSON === 'function') {
      return false;
    }
    unusual ||= anyFloats && marksOf(floats, value) !== undefined;
    if (getOwnPropertySymbols(value).length > 0) {
      return false;
    }
    const names = keys(value);
    if (isArray(value)) {
      const length = value.length;
      if (names.length !== length || getPrototypeOf(value) !== arrays) {
        return false;
      }
      for (let index = 0; index < length; index++) {
        if (!fits(value[index], depth + 1)) {
          return false;
        }
      }
      return true;
    }
    const prototype = getPrototypeOf(value);
    if (prototype !== plain && prototype !== null) {
      return false;
    }
    for (let index = 0; index < names.length; index++) {
      const part = value[names[index]];
      if (part !== undefined && !fits(part, depth + 1)) {
        return false;
      }
    }
    return true;
  }

  // Writes a number that `stringify` would spell in another way than the store.
  function exact(name, given) {
    const part = bigints.toJSON === undefined ? given : this[name];
    if (typeof part === 'bigint') {
      return rawJSON(text(part));
    } else if (typeof part !== 'number') {
      return part;
    } else if (part === 0 && 1 / part < 0) {
      return rawJSON('-0.0');
    } else if (isSafeInteger(part)) {
      const marks = anyFloats ? marksOf(floats, this) : undefined;
      return marks !== undefined && marks[name] === part ? rawJSON(text(part) + '.0') : part;
    }
    const spelt = text(part);
    return part % 1 === 0 && !find(NO_INTEGER, spelt) ? rawJSON(spelt + '.0') : part;
  }

  class Unfit {
    path;
    reason;
    constructor(path, reason) {
      this.path = path;
      this.reason = reason;
    }
  }

  // `float` says that a whole number at the top is a float.
  function encode(value, float) {
    unusual = false;
    if (!fits(value, 0)) {
      throw explain(value, '', [], 0) ?? new Unfit('', CHANGES);
    }
    if (float && isSafeInteger(value) && !unusual) {
      return text(value) + '.0';
    }
    const written = unusual ? stringify(value, exact) : stringify(value);
    if (typeof written !== 'string') {
      throw new Unfit('', CHANGES);
    }
    const problem = includes(written, LONE_SURROGATE) ? explain(value, '', [], 0) : undefined;
    if (problem !== undefined) {
      throw problem;
    }
    return written;
  }

  // Finding out what cannot be stored --------------------------------------------------------------------------

  const WORD = /^[A-Za-z_$][0-9A-Za-z_$]*$/;
  const HINTS = {
    Date: '; use its toISOString() or getTime()',
    Map: '; use Object.fromEntries(map)',
    Set: '; use [...set]',
    Promise: '; await it first',
  };

  function named(value) {
    const prototype = getPrototypeOf(value);
    const made = prototype === null ? undefined : prototype.constructor;
    const name = typeof made === 'function' && typeof made.name === 'string' ? made.name : '';
    return name || 'object of its own kind';
  }

  function member(name) {
    return find(WORD, name) ? '.' + name : '[' + stringify(name) + ']';
  }

  function explainObject(value, path, ancestors, depth) {
    for (let index = 0; index < ancestors.length; index++) {
      if (ancestors[index] === value) {
        return new Unfit(path, 'contains itself');
      }
    }
    if (depth >= MAX_DEPTH) {
      return new Unfit(path, `is nested deeper than ${MAX_DEPTH} levels`);
    }
    const array = isArray(value), names = keys(value), prototype = getPrototypeOf(value);
    if (array ? prototype !== arrays : prototype !== plain && prototype !== null) {
      const name = named(value);
      return new Unfit(path, `is a ${name}, which is no JSON${HINTS[name] ?? '; copy its fields into a plain object'}`);
    } else if (getOwnPropertySymbols(value).length > 0) {
      return new Unfit(path, 'has a symbol as the name of a field');
    } else if (typeof value.toJSON === 'function') {
      return new Unfit(path, 'has a toJSON, which would change it');
    }
    const inside = concat(ancestors, [value]);
    const count = array ? value.length : names.length;
    for (let index = 0; index < count; index++) {
      const place = array ? `[${index}]` : member(names[index]);
      const part = array ? value[index] : value[names[index]];
      if (part === undefined && array) {
        return new Unfit(path + place, 'is undefined; use null');
      } else if (!array && !isWellFormed(names[index])) {
        return new Unfit(path, 'has a field whose name holds a lone surrogate, which is no Unicode');
      }
      const problem = part === undefined ? undefined : explain(part, path + place, inside, depth + 1);
      if (problem !== undefined) {
        return problem;
      }
    }
    if (array && names.length !== count) {
      return new Unfit(path, 'is an array that has other fields than its items');
    }
    return undefined;
  }

  // Gives an Unfit, or undefined when all is well.
  function explain(value, path, ancestors, depth) {
    const kind = typeof value;
    if (kind === 'string') {
      return isWellFormed(value) ? undefined : new Unfit(path, 'holds text with a lone surrogate, which is no Unicode');
    } else if (kind === 'number') {
      return value - value === 0 ? undefined : new Unfit(path, `is ${value}, which JSON has no number for`);
    } else if (kind === 'bigint') {
      const small = value >= LOWEST && value <= HIGHEST;
      return small ? undefined : new Unfit(path, 'is an integer beyond 64 bits; store it as text');
    } else if (kind === 'object' && value !== null) {
      return explainObject(value, path, ancestors, depth);
    }
    return kind === 'boolean' || value === null ? undefined : new Unfit(path, `is a ${kind}, which is no JSON`);
  }

  return { encode, decode, Unfit, wasFloat: () => topFloat, own, flat };
})
