// Pattern: keep what was slow to get, for a while.
//
//   llmspell -c examples/configs/state-enabled.toml run examples/javascript/pattern_cache.js

const CACHE = 'shop:cache';
const HOUR = 3600;

let computed = 0;

// Gives what is in the cache under the key, or what `compute` gives, and keeps that for `ttl` seconds. `compute` may
// be async: it runs outside of any transaction.
async function remember(key, ttl, compute) {
  const kept = State.load(CACHE, key);
  if (kept !== undefined) {
    return kept;
  }
  computed++;
  const value = await compute();
  State.save(CACHE, key, value, { ttl });
  return value;
}

async function report() {
  const primes = [];
  for (let number = 2; primes.length < 1000; number++) {
    if (primes.every((prime) => prime * prime > number || number % prime !== 0)) {
      primes.push(number);
    }
  }
  return { title: 'The thousandth prime', answer: primes.at(-1) };
}

console.log('Cache\n');

const known = State.exists(CACHE, 'report');
for (let time = 1; time <= 3; time++) {
  const before = computed;
  const { title, answer } = await remember('report', HOUR, report);
  console.log(`  ${time}. ${title}: ${answer}, ${computed > before ? 'computed' : 'from the cache'}`);
}
console.log(`  computed in this run: ${computed}${known ? ', because an earlier run had left it in the cache' : ''}`);

// What has ended is not there any more: not loaded, not listed.
State.save(CACHE, 'news', 'nothing new', { ttl: 0.01 });
while (State.exists(CACHE, 'news')); // a hundredth of a second
console.log(`  the news of a moment ago: ${State.load(CACHE, 'news')}`);
console.log(`  in the cache: ${State.list_keys(CACHE).join(', ')}`);

if (!known) {
  console.log('\nRun me again within the hour: nothing will be computed.');
}
