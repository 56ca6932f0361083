// Pattern: counters and the last few events.
//
//   llmspell -c examples/configs/state-enabled.toml run examples/javascript/pattern_counters.js

const STATS = 'shop:stats';

const line = (name, value) => console.log(`  ${name.padEnd(14)} ${value}`);

const before = State.load(STATS, 'visits', 0);

console.log('Counters\n');

// 1. One counter: reading, adding and saving are one step. However many programs count at once, none is lost. -------

console.log('1. State.increment(scope, key, by)');
line('visits', State.increment(STATS, 'visits') + (before > 0 ? ` (${before} from earlier runs)` : ''));
line('hours', State.increment(STATS, 'hours', 0.25));

// 2. A counter beyond 2^53: it becomes a BigInt, and no digit is lost. ----------------------------------------------

if (!State.exists(STATS, 'bytes')) {
  State.save(STATS, 'bytes', Number.MAX_SAFE_INTEGER);
}
const bytes = State.increment(STATS, 'bytes', 2);

console.log('\n2. A large one: it is a BigInt as soon as a Number could not hold it exactly');
line('bytes', `${bytes} (${typeof bytes})`);

// 3. Counters that belong together: in a transaction. ---------------------------------------------------------------

function view(page) {
  State.transaction(() => {
    State.increment(STATS, `page:${page}`);
    State.increment(STATS, 'pages');
  });
}

['home', 'tea', 'home'].forEach(view);

// Read in one step, too: nobody counts between two of our loads.
const counts = State.transaction(() =>
  State.list_keys(STATS, { prefix: 'page' }).map((key) => [key, State.load(STATS, key)]),
);

console.log('\n3. Several at once: State.transaction(fn)');
for (const [key, count] of counts) {
  line(key, count);
}

// 4. Events: with `keep` the list does not grow for ever. -----------------------------------------------------------

for (const kind of ['start', 'click', 'stop']) {
  State.append(STATS, 'events', { kind, at: Math.trunc(Date.now() / 1000) }, { keep: 4 });
}

console.log('\n4. The last four events: State.append(scope, key, item, { keep: 4 })');
console.log(`  ${State.load(STATS, 'events').map(({ kind }) => kind).join(', ')}`);

if (before === 0) {
  console.log('\nRun me again: the counters go on.');
}
