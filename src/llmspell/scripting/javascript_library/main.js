// How does a script start and end? Prepares the global object, imports the script, tells what came of it.
// Given: functions of the host by their names in the global object; the parts of the library as functions.
// Gives: start(name) and finish(wanted) for a script, then exported() and call(name, text) for its functions,
// converse(specifier) and converged() for each text of a conversation, track(promise, reason, handled), recover(),
// whereStopped().
(function (prefix, offered, values, makeChecks, makeState, makeConsole) {
  'use strict';
  const { Error, RangeError, TypeError } = globalThis;
  const { create, defineProperty, freeze, getOwnPropertyDescriptor, keys } = Object;
  const { stringify } = JSON, { apply } = Reflect;
  const { own, flat, encode, decode, wasFloat, Unfit } = values;
  const then = own(Promise.prototype.then);
  const push = own(Array.prototype.push), next = own(Object.getPrototypeOf(new Map().values()).next);
  const setRejected = own(Map.prototype.set), removeRejected = own(Map.prototype.delete);
  const rejectedValues = own(Map.prototype.values), clearRejected = own(Map.prototype.clear);
  const slice = own(String.prototype.slice), split = own(String.prototype.split);
  const stackOf = own(getOwnPropertyDescriptor(Error.prototype, 'stack').get);
  const { isError } = Error, { isInteger } = Number;
  const EngineError = InternalError;

  const host = {};
  for (const name of offered === '' ? [] : split(offered, ' ')) {
    host[name] = globalThis[prefix + name];
    delete globalThis[prefix + name];
  }

  // Once the script must stop the engine is interrupted: at the latest here.
  function halt() {
    for (;;);
  }

  const { console, inspect } = makeConsole(host, values, halt);
  const { State, recover: recoverState } = makeState(host, values, makeChecks(values, halt));

  // The global object ------------------------------------------------------------------------------------------

  function global(name, value) {
    defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
  }

  global('console', console);
  global('scriptArgs', freeze(host.arguments ? split(host.arguments(), '\0') : []));
  global('exit', function exit(code = 0) {
    if (!isInteger(code) || code < 0 || code > 255) {
      throw new RangeError(`exit: the code must be a whole number from 0 to 255, not ${inspect(code)}`);
    }
    if (!host.exit) {
      throw new Error('exit: a function that others call cannot end them');
    }
    host.exit(code);
    halt();
  });
  if (host.save || !host.write) {
    global('State', State); // without a store it is what functions need that others call
  }
  const settled = Promise.resolve();
  // A microtask that throws would leave the engine by a way on which the script's own code runs unwatched.
  global('queueMicrotask', function queueMicrotask(callback) {
    if (typeof callback !== 'function') {
      throw new TypeError('queueMicrotask: a function is needed');
    }
    then(settled, () => callback());
  });
  delete globalThis.FinalizationRegistry; // its callbacks are such a way too

  // A function that makes the text of stacks could swallow the interruption that ends a script, learn this library's
  // functions, and make errors name other places.
  delete Error.prepareStackTrace;
  delete Error.stackTraceLimit;

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

  // What a script has still going when it fails does not go on.
  function start(name) {
    then(import(name), succeed, (error) => {
      fail(error);
      host.end();
    });
  }

  function partsOf(error) {
    if (!isError(error)) {
      return { __proto__: null, name: '', message: typeof error === 'string' ? error : inspect(error), stack: '' };
    }
    return { __proto__: null, name: `${error.name}`, message: `${error.message}`, stack: `${stackOf(error)}` };
  }

  // Gives what is to say of a failure as JSON text behind "!"; whatever a script has thrown.
  function report(error) {
    try {
      return flat('!', stringify(partsOf(error)));
    } catch {
      return '!' + stringify({ __proto__: null, name: '', message: 'the script threw what cannot be told', stack: '' });
    }
  }

  // Gives how the script ended: "." or, when it is wanted, "=" and its default export as JSON text; "~" when it waits
  // for a promise that nothing settles; "?" and JSON text for a result that JSON cannot hold; "!" and a failure.
  function finish(wanted) {
    if (failed) {
      return report(outcome);
    }
    const forgotten = next(rejectedValues(rejected));
    if (!forgotten.done) {
      return report(forgotten.value);
    } else if (!ended) {
      return '~';
    } else if (!wanted) {
      return '.';
    }
    return told(() => {
      const value = outcome.default;
      return value === undefined || value === null ? '.' : flat('=', encode(value));
    });
  }

  // Functions that the host calls -----------------------------------------------------------------------------------

  const functions = create(null);

  // Runs what gives an answer; tells what went wrong as `finish` does.
  function told(act) {
    try {
      return act();
    } catch (error) {
      if (error instanceof Unfit) {
        return flat('?', stringify({ __proto__: null, path: error.path, reason: error.reason }));
      }
      return report(error);
    }
  }

  // Gives what the script exports, once it has run: the names of its functions, and its plain values, as JSON text.
  function exported() {
    if (failed || !ended) {
      return finish(false);
    }
    return told(() => {
      const names = [], fields = create(null);
      for (const name of keys(outcome)) {
        if (typeof outcome[name] === 'function') {
          functions[name] = outcome[name];
          push(names, name);
        } else if (outcome[name] !== undefined) {
          fields[name] = outcome[name];
        }
      }
      return flat('=', encode({ names, fields }));
    });
  }

  // Gives "=" and what an exported function makes of a value, both as JSON text, or "." for nothing.
  function call(name, source) {
    return told(() => {
      const value = decode(source), float = wasFloat();
      const made = apply(functions[name], undefined, [value]);
      return made === undefined ? '.' : flat('=', encode(made, float && made === value));
    });
  }

  // A conversation: one text after the other -----------------------------------------------------------------------

  // Gives what the host has put into a global variable, and takes it out again.
  function taken(name) {
    const value = globalThis[prefix + name];
    delete globalThis[prefix + name];
    return value;
  }

  let unreadable = false; // the text is no JavaScript
  // What is left over from a text that was stopped must not speak for a later one.
  let turn = 0, stale = false;

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

  function recover() {
    recoverState();
    stale = true;
  }

  // Gives what came of the text: "." for nothing, "=" and the value as a person reads it, "~", or "!" and a failure;
  // "?" instead of "!" for a text that is no JavaScript.
  function converged() {
    const forgotten = next(rejectedValues(rejected));
    if (!failed && !forgotten.done && !stale) {
      fail(forgotten.value);
    }
    clearRejected(rejected);
    stale = false;
    if (failed) {
      return unreadable ? flat('?', slice(report(outcome), 1)) : report(outcome);
    } else if (!ended) {
      return '~';
    }
    return outcome === undefined ? '.' : flat('=', inspect(outcome));
  }

  return { start, finish, exported, call, converse, converged, track, recover, whereStopped: () => stopped };
})
