// Pattern: the settings of an application, with defaults for what nobody has chosen.
//
//   llmspell -c examples/configs/state-enabled.toml run examples/javascript/pattern_configuration.js

import { overlay } from './overlay.js';

const APP = 'shop:app';
const DEFAULTS = { theme: 'light', language: 'en', font_size: 12, mail: { offers: true, orders: true } };

const settings = () => overlay(DEFAULTS, State.load(APP, 'config', {}));
const told = ({ theme, font_size, mail }) => `theme ${theme}, font size ${font_size}, offers ${mail.offers ? 'yes' : 'no'}`;

console.log('Configuration\n');

const found = State.exists(APP, 'config');
console.log(found ? 'Found the configuration of an earlier run.' : 'No configuration is saved yet.');

// 1. Only what was chosen is saved; the defaults are filled in when it is loaded. -----------------------------------

console.log('\n1. What is saved, laid over the defaults');
console.log(`  ${told(settings())}`);

// 2. Changing settings: loading, changing and saving are one step, so no change of somebody else is lost. ------------

State.update(APP, 'config', (config) => overlay(config, { theme: 'dark', mail: { offers: false } }), {});
State.update(APP, 'config', (config) => ({ ...config, font_size: (config.font_size ?? DEFAULTS.font_size) + 1 }));

console.log('\n2. State.update changes settings in one step');
console.log(`  ${told(settings())}`);

// 3. A form that somebody fills in takes longer than one step. With `if_version` it is saved only if it is still about
// what was shown; otherwise the person is asked again. --------------------------------------------------------------

const shown = State.entry(APP, 'config');
State.update(APP, 'config', (config) => ({ ...config, language: 'fr' })); // somebody else was faster

console.log('\n3. A form that is saved only if nobody else has saved');
try {
  State.save(APP, 'config', { ...shown.value, language: 'de' }, { if_version: shown.version });
} catch (error) {
  if (error.name !== 'Conflict') {
    throw error;
  }
  console.log(`  ${error.name}: somebody has chosen "${settings().language}" meanwhile`);
}

if (!found) {
  console.log('\nRun me again: the font size will have been kept.');
}
