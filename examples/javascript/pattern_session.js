// Pattern: a session that ends after a while, and goes on for whoever comes back in time.
//
//   llmspell -c examples/configs/state-enabled.toml run examples/javascript/pattern_session.js

const SESSIONS = 'shop:session';
const HOUR = 3600;

// Opens a session and gives its id. With a ttl it is gone from the moment it ends: nobody has to look at times.
function open(user, ttl = HOUR) {
  const id = `${user}:${Math.random().toString(36).slice(2)}`;
  State.save(SESSIONS, id, { user, basket: {} }, { ttl });
  return id;
}

// Gives the session, which then lasts another hour; undefined when it has ended.
function visit(id) {
  return State.transaction(() => (State.touch(SESSIONS, id, HOUR) ? State.load(SESSIONS, id) : undefined));
}

// Changes the basket in one step. The end of the session stays where it is.
function buy(id, article) {
  return State.update(SESSIONS, id, (session) => {
    session.basket[article] = (session.basket[article] ?? 0) + 1;
    return session;
  });
}

const minutesLeft = (id) => Math.round((State.entry(SESSIONS, id).expires_at - Date.now() / 1000) / 60);

console.log('Sessions\n');

const [earlier] = State.list_keys(SESSIONS, { prefix: 'ada:' });
const id = earlier ?? open('ada');
console.log(earlier ? '  found          the session of an earlier run' : '  opened         a session for ada');

const { user } = visit(id);
buy(id, 'tea');
const { basket } = buy(id, 'cup');
console.log(`  in the basket  ${Object.entries(basket).map(([article, count]) => `${count} x ${article}`).join(', ')}`);
console.log(`  ${user} has        ${minutesLeft(id)} minutes to come back`);

const short = open('bob', 0.01);
while (State.exists(SESSIONS, short)); // a hundredth of a second
console.log(`  bob is late    ${visit(short) ? 'and is let in' : 'and logs in again'}`);

if (!earlier) {
  console.log('\nRun me again within the hour: the basket is kept.');
}
