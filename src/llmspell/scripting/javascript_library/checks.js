// Are the arguments of a verb of `State` usable, and what goes wrong when they are not? Errors name the script's line.
// Given: values (see values.js), halt (ends the script once it was stopped). Gives the checks.
// Results of the host are text, numbers, booleans or null; text that begins with "!" tells of a failure. What is left
// out crosses to the host as false, and an optional flag as 1, 0 or -1: null is what text becomes when memory ran out.
(function (values, halt) {
  'use strict';
  const { encode, Unfit, own, flat } = values;
  const { parse, stringify } = JSON, { isArray } = Array, { keys, freeze, create, defineProperty } = Object;
  const { isSafeInteger } = Number, { Error, InternalError } = globalThis;
  const split = own(String.prototype.split), slice = own(String.prototype.slice), find = own(RegExp.prototype.exec);
  const code = own(String.prototype.charCodeAt), join = own(Array.prototype.join);
  const includes = own(Array.prototype.includes);
  const FAILED = 33; // "!"
  const NO_MEMORY = 'not enough memory', STOPPED = 'the script was stopped';

  // Errors -----------------------------------------------------------------------------------------------------

  const stackOf = own(Object.getOwnPropertyDescriptor(Error.prototype, 'stack').get);
  const FRAME = /(?:^|\()([^()\n]+:\d+):\d+\)?$/;

  // Gives FILE:LINE of the innermost line that is the script's, or "".
  function place(error) {
    const stack = stackOf(error);
    const lines = typeof stack === 'string' ? split(stack, '\n') : [];
    for (let index = 0; index < lines.length; index++) {
      const parts = split(lines[index], '    at ');
      const found = find(FRAME, parts[parts.length - 1]);
      if (found && slice(found[1], 0, 8) !== '<input>:') {
        return found[1];
      }
    }
    return '';
  }

  function hidden(error, name, value) {
    defineProperty(error, name, { __proto__: null, value, writable: true, configurable: true });
  }

  // Throws what the host said went wrong: a name, a sentence, and fields such as scope and key.
  function raise(call, problem) {
    if (problem.message === STOPPED) {
      halt();
    } else if (problem.message === NO_MEMORY) {
      throw new InternalError('out of memory'); // as the engine throws it
    }
    const error = new Error(problem.message);
    const where = place(error);
    hidden(error, 'message', `State.${call}: ${problem.message}` + (where && ` (at ${where})`));
    hidden(error, 'name', problem.name);
    const names = keys(problem.fields);
    for (let index = 0; index < names.length; index++) {
      const value = problem.fields[names[index]];
      defineProperty(error, names[index], {
        __proto__: null, value, writable: true, configurable: true, enumerable: true,
      });
    }
    throw error;
  }

  function refuse(call, message) {
    raise(call, { name: 'InvalidArgument', message, fields: {} });
  }

  // What a host function gave, when it is no failure.
  function result(call, given) {
    if (typeof given === 'string' && code(given, 0) === FAILED) {
      raise(call, parse(slice(given, 1)));
    }
    return given;
  }

  // Arguments --------------------------------------------------------------------------------------------------

  function describe(value) {
    const kind = typeof value;
    if (value === undefined || value === null) {
      return 'nothing';
    } else if (kind === 'number' || kind === 'boolean' || kind === 'bigint') {
      return `the ${kind} ${value}`;
    } else if (kind === 'object') {
      return isArray(value) ? 'an array' : 'an object';
    }
    return `a ${kind}`;
  }

  const MOST_SHORT = 256;
  const HARD = /^\u0001|[\0\p{Cs}]/u; // text that cannot cross as it is
  let scopeBefore = 'global';

  function textOf(call, what, value) {
    if (typeof value !== 'string') {
      const hint = typeof value === 'number' ? '; use String()' : '';
      refuse(call, `the ${what} must be text, not ${describe(value)}${hint}`);
    }
    if (find(HARD, value)) {
      return flat('\u0001', stringify(value));
    }
    return value.length > MOST_SHORT ? flat(value) : value;
  }

  function scopeOf(call, value) {
    if (value === scopeBefore) {
      return value;
    }
    const text = textOf(call, 'scope', value);
    if (text === value && value.length <= MOST_SHORT) {
      scopeBefore = value;
    }
    return text;
  }

  const isNothing = (value) => value === undefined || value === null;

  // Checks what may be left out; whether the number makes sense is the host's to say.
  function number(call, what, value) {
    if (isNothing(value)) {
      return false;
    } else if (typeof value === 'bigint' || (typeof value === 'number' && isSafeInteger(value))) {
      return `${value}`;
    } else if (typeof value !== 'number') {
      refuse(call, `${what} must be a number, not ${describe(value)}`);
    }
    return value;
  }

  function flag(call, what, value) {
    if (!isNothing(value) && typeof value !== 'boolean') {
      refuse(call, `${what} must be true or false, not ${describe(value)}`);
    }
    return isNothing(value) ? -1 : +value;
  }

  function needFunction(call, value) {
    if (typeof value !== 'function') {
      refuse(call, `a function is needed, not ${describe(value)}`);
    }
  }

  const NONE = freeze(create(null));

  // Gives the options that `call` knows; any other one is an error.
  function options(call, given, known) {
    if (isNothing(given)) {
      return NONE;
    } else if (typeof given !== 'object' || isArray(given)) {
      refuse(call, `the options must be an object, not ${describe(given)}`);
    }
    const names = keys(given), chosen = create(null); // without what a script may have put into the prototype
    for (let index = 0; index < names.length; index++) {
      const name = names[index];
      if (!includes(known, name)) {
        refuse(call, `there is no option "${name}"; known: ${join(known, ', ')}`);
      }
      chosen[name] = given[name];
    }
    return chosen;
  }

  // The options of a call that has many, as text: the host knows them.
  function optionsText(call, given) {
    if (isNothing(given)) {
      return false;
    } else if (typeof given !== 'object' || isArray(given)) {
      refuse(call, `the options must be an object, not ${describe(given)}`);
    }
    return json(call, given, 'the options cannot be used');
  }

  // A point in time as text: what may stand for one is for the host to say.
  function pointText(call, what, value) {
    const kind = typeof value;
    if (kind !== 'number' && kind !== 'bigint' && kind !== 'string' && (kind !== 'object' || value === null)) {
      refuse(call, `${what} must be a version, a time or text such as 2026-11-22T16:00:00Z, not ${describe(value)}`);
    }
    return json(call, value, 'the point cannot be used');
  }

  function json(call, value, refusal, float) {
    try {
      return encode(value, float);
    } catch (problem) {
      if (problem instanceof Unfit) {
        const message = `${refusal}: ${problem.path || 'it'} ${problem.reason}`;
        raise(call, { name: 'InvalidValue', message, fields: { path: problem.path, reason: problem.reason } });
      }
      throw problem;
    }
  }

  return {
    NONE, raise, refuse, result, describe, textOf, scopeOf, isNothing, number, flag, needFunction, options, optionsText,
    pointText, json,
  };
})
