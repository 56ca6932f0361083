// How does a script start and end? Prepares the global object, imports the script, tells what came of it.
// Given: functions of the host by their names in the global object; the parts of the library as functions.
// Gives: start(name) and finish(wanted) for a script, converse(specifier) and converged() for each text of a
// conversation, track(promise, reason, handled), recover(), whereStopped().
(function (prefix, offered, values, makeState, makeConsole) {
  'use strict';
  const { defineProperty, freeze, getOwnPropertyDescriptor } = Object;
  const { stringify } = JSON;
  const { own, flat, encode, Unfit } = values;
  const then = own(Promise.prototype.then);
  const setRejected = own(Map.prototype.set), removeRejected = own(Map.prototype.delete);
  const rejectedValues = own(Map.prototype.values), clearRejected = own(Map.prototype.clear);
  const slice = own(String.prototype.slice), split = own(String.prototype.split);
  const stackOf = own(getOwnPropertyDescriptor(Error.prototype, 'stack').get);
  const { isError } = Error, EngineError = InternalError;

  const host = {};
  for (const name of split(offered, ' ')) {
    host[name] = globalThis[prefix + name];
    delete globalThis[prefix + name];
  }

  // Once the script must stop the engine is interrupted: at the latest here.
  function halt() {
    for (;;);
  }

  const { console, inspect } = makeConsole(host, values, halt);
  const { State, recover } = host.save ? makeState(host, values, halt) : { recover() {} };

  // The global object ------------------------------------------------------------------------------------------

  function global(name, value) {
    defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
  }

  global('console', console);
  global('scriptArgs', freeze(split(host.arguments(), '\0')));
  global('exit', function exit(code = 0) {
    if (!Number.isInteger(code) || code < 0 || code > 255) {
      throw new RangeError(`exit: the code must be a whole number from 0 to 255, not ${inspect(code)}`);
    }
    host.exit(code);
    halt();
  });
  if (State) {
    global('State', State);
  }
  // A microtask that throws would leave the engine by a way on which the script's own code runs unwatched.
  global('queueMicrotask', function queueMicrotask(callback) {
    if (typeof callback !== 'function') {
      throw new TypeError('queueMicrotask: a function is needed');
    }
    then(Promise.resolve(), () => callback());
  });
  delete globalThis.FinalizationRegistry; // its callbacks are such a way too

  // The engine's own errors leave it when nothing catches them; telling them must not run a script's code.
  const engineErrors = InternalError.prototype;
  for (const [name, value] of [
    ['toString', Error.prototype.toString],
    [Symbol.toPrimitive, undefined],
    ['valueOf', undefined],
  ]) {
    defineProperty(engineErrors, name, { value });
  }
  defineProperty(engineErrors, 'stack', { get: getOwnPropertyDescriptor(Error.prototype, 'stack').get });
  freeze(engineErrors);

  // The run ----------------------------------------------------------------------------------------------------

  const rejected = new Map();
  let ended = false, failed = false, outcome, stopped = '';

  function track(promise, reason, handled) {
    if (reason instanceof EngineError && reason.message === 'interrupted') {
      stopped = stackOf(reason);
    }
    if (handled) {
      removeRejected(rejected, promise);
    } else {
      setRejected(rejected, promise, reason);
    }
  }

  function succeed(value) {
    ended = true;
    outcome = value;
  }

  function fail(error) {
    ended = failed = true;
    outcome = error;
  }

  function start(name) {
    then(import(name), succeed, fail);
  }

  function told(error) {
    if (!isError(error)) {
      return { name: '', message: typeof error === 'string' ? error : inspect(error), stack: '' };
    }
    return { name: `${error.name}`, message: `${error.message}`, stack: `${stackOf(error)}` };
  }

  // Gives what is to say of a failure as JSON text behind "!"; whatever a script has thrown.
  function report(error) {
    try {
      return flat('!', stringify(told(error)));
    } catch {
      return '!' + stringify({ name: '', message: 'the script threw what cannot be told', stack: '' });
    }
  }

  // Gives how the script ended: "." or, when it is wanted, "=" and its default export as JSON text; "~" when it waits
  // for a promise that nothing settles; "?" and JSON text for a result that JSON cannot hold; "!" and a failure.
  function finish(wanted) {
    if (failed) {
      return report(outcome);
    }
    const forgotten = rejectedValues(rejected).next();
    if (!forgotten.done) {
      return report(forgotten.value);
    } else if (!ended) {
      return '~';
    } else if (!wanted) {
      return '.';
    }
    try {
      const value = outcome.default;
      return value === undefined || value === null ? '.' : flat('=', encode(value));
    } catch (error) {
      return error instanceof Unfit ? flat('?', stringify({ path: error.path, reason: error.reason })) : report(error);
    }
  }

  // A conversation: one text after the other -----------------------------------------------------------------------

  // Gives what the host has put into a global variable, and takes it out again.
  function taken(name) {
    const value = globalThis[prefix + name];
    delete globalThis[prefix + name];
    return value;
  }

  let unreadable = false; // the text is no JavaScript
  let turn = 0; // what is left over from a text that was stopped must not speak for a later one

  // Starts a text; importing `specifier` makes the host evaluate it.
  function converse(specifier) {
    ended = failed = unreadable = false;
    outcome = undefined;
    taken('value'), taken('value_failure');
    const mine = ++turn;
    const failMine = (error) => mine === turn && fail(error);
    const evaluated = () => {
      if (mine !== turn) {
        return;
      }
      const promise = taken('value'), failure = taken('value_failure');
      if (promise === undefined) {
        unreadable = true;
        fail(failure);
      } else {
        then(promise, (given) => mine === turn && succeed(given.value), failMine);
      }
    };
    then(import(specifier), evaluated, failMine);
  }

  // Gives what came of the text: "." for nothing, "=" and the value as a person reads it, "~", or "!" and a failure;
  // "?" instead of "!" for a text that is no JavaScript.
  function converged() {
    if (!failed) {
      for (const reason of rejectedValues(rejected)) {
        fail(reason);
      }
    }
    clearRejected(rejected);
    if (failed) {
      return unreadable ? flat('?', slice(report(outcome), 1)) : report(outcome);
    } else if (!ended) {
      return '~';
    }
    return outcome === undefined ? '.' : flat('=', inspect(outcome));
  }

  return { start, finish, converse, converged, track, recover, whereStopped: () => stopped };
})
