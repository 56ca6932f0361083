// Pattern: what each user prefers.
//
//   llmspell -c examples/configs/state-enabled.toml run examples/javascript/pattern_preferences.js

const USERS = 'shop:user';

// From the general to the particular, so that a prefix finds what belongs together.
const keyOf = (name) => `${name}:preferences`;

const prefer = (name, preferences) =>
  State.update(USERS, keyOf(name), (old) => ({ ...old, ...preferences }), {});

// Gives the keys of a scope a page at a time, so that there may be millions of them.
function* keysOf(scope, prefix = '', limit = 2) {
  for (let after; ; ) {
    const page = State.list_keys(scope, { prefix, after, limit });
    yield* page;
    if (page.length < limit) {
      return;
    }
    after = page.at(-1);
  }
}

console.log('User preferences\n');

const before = [...keysOf(USERS)].filter((key) => key.endsWith(':preferences')).length;
console.log(before ? `${before} users have preferences from an earlier run.` : 'Nobody has any preferences yet.');

// 1. Each user is an entry. What is not named stays as it was. ------------------------------------------------------

prefer('ada', { language: 'en', timezone: 'Europe/London' });
prefer('bob', { language: 'en', mail: false });
prefer('cleo', { language: 'fr' });
const ada = prefer('ada', { theme: 'dark' });

console.log('\n1. State.update changes what is named, and leaves the rest');
console.log('  ada', ada);
console.log('  bob', State.load(USERS, keyOf('bob')));

// 2. Who prefers what? ----------------------------------------------------------------------------------------------

const byLanguage = {};
for (const key of keysOf(USERS)) {
  const { language } = State.load(USERS, key);
  (byLanguage[language] ??= []).push(key.split(':')[0]);
}

console.log('\n2. State.list_keys finds the users, a page at a time');
for (const [language, names] of Object.entries(byLanguage)) {
  console.log(`  ${language}  ${names.join(', ')}`);
}

// 3. Somebody leaves: all that begins with the name goes, in one step. ------------------------------------------------

prefer('dan', { language: 'de' });
State.save(USERS, 'dan:last_seen', 'in the shop');
const forgotten = State.transaction(() => {
  const keys = [...keysOf(USERS, 'dan:')];
  keys.forEach((key) => State.delete(USERS, key));
  return keys;
});

console.log('\n3. A prefix finds everything of a user, a transaction removes it');
console.log(`  forgotten: ${forgotten.join(', ')}`);

if (!before) {
  console.log('\nRun me again: everybody will be remembered.');
}
