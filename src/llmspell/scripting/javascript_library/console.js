// What is printed, and how does a value look as text? Gives: { console, inspect, print }.
// Given: host (write, write_error), values (see values.js), halt (ends the script once it was stopped).
(function (host, values, halt) {
  'use strict';
  const { own, flat } = values;
  const { keys, getPrototypeOf, getOwnPropertySymbols, getOwnPropertyDescriptor } = Object;
  const { isArray } = Array, { stringify } = JSON;
  const find = own(RegExp.prototype.exec), toWellFormed = own(String.prototype.toWellFormed);
  const tagOf = own(Object.prototype.toString), stackOf = own(getOwnPropertyDescriptor(Error.prototype, 'stack').get);
  const dateText = own(Date.prototype.toISOString), patternText = own(RegExp.prototype.toString);
  const entriesOf = own(Map.prototype.entries), valuesOf = own(Set.prototype.values);
  const { isError } = Error;

  const MOST_DEPTH = 6, MOST_PARTS = 100, MOST_WIDTH = 72, MOST_TEXT = 10_000;
  const WORD = /^[A-Za-z_$][0-9A-Za-z_$]*$/;

  function quoted(text) {
    const cut = text.length > MOST_TEXT;
    const more = cut ? `... ${text.length - MOST_TEXT} more characters` : '';
    return stringify(cut ? text.slice(0, MOST_TEXT) : text) + more;
  }

  function nameOf(value) {
    const prototype = getPrototypeOf(value);
    if (prototype === null) {
      return '[Object: null prototype] ';
    }
    const made = getOwnPropertyDescriptor(prototype, 'constructor')?.value;
    const name = typeof made === 'function' ? getOwnPropertyDescriptor(made, 'name')?.value : '';
    return typeof name === 'string' && name !== '' && name !== 'Object' && name !== 'Array' ? name + ' ' : '';
  }

  function member(object, name, ancestors) {
    const property = getOwnPropertyDescriptor(object, name);
    if (property?.get || property?.set) {
      return '[Getter]'; // a value that is looked at runs no code
    }
    return inspect(property?.value, ancestors);
  }

  function laid(open, parts, close, depth) {
    if (parts.length === 0) {
      return open + close;
    }
    const line = `${open} ${parts.join(', ')} ${close}`;
    if (line.length + 2 * depth <= MOST_WIDTH && !line.includes('\n')) {
      return line;
    }
    const margin = '  '.repeat(depth + 1);
    return `${open}\n${parts.map((part) => margin + part).join(',\n')}\n${'  '.repeat(depth)}${close}`;
  }

  function partsOf(value, ancestors, array) {
    const parts = [];
    const names = keys(value);
    const count = array ? value.length : names.length;
    for (let index = 0; index < count && parts.length < MOST_PARTS; index++) {
      if (array) {
        parts.push(index in value ? member(value, index, ancestors) : 'empty');
      } else {
        const name = names[index];
        parts.push(`${find(WORD, name) ? name : quoted(name)}: ${member(value, name, ancestors)}`);
      }
    }
    if (count > parts.length) {
      parts.push(`... ${count - parts.length} more`);
    }
    for (const symbol of array ? [] : getOwnPropertySymbols(value)) {
      parts.push(`[${String(symbol)}]: ${member(value, symbol, ancestors)}`);
    }
    return parts;
  }

  function collection(iterator, show) {
    const parts = [];
    for (let step = iterator.next(); !step.done; step = iterator.next()) {
      if (parts.length >= MOST_PARTS) {
        parts.push('... more');
        break;
      }
      parts.push(show(step.value));
    }
    return parts;
  }

  function inspectError(error) {
    const trace = stackOf(error);
    const own = keys(error).length > 0 ? ' ' + laid('{', partsOf(error, [error], false), '}', 0) : '';
    return `${error.name}: ${error.message}` + (trace ? '\n' + trace.trimEnd() : '') + own;
  }

  function inspectObject(value, ancestors) {
    if (ancestors.includes(value)) {
      return '[Circular]';
    } else if (isError(value)) {
      return inspectError(value);
    }
    const tag = tagOf(value), depth = ancestors.length, inside = [...ancestors, value];
    if (tag === '[object Date]') {
      try {
        return dateText(value);
      } catch {
        return 'Invalid Date';
      }
    } else if (tag === '[object RegExp]') {
      return patternText(value);
    } else if (depth > MOST_DEPTH) {
      return isArray(value) ? '[Array]' : '[Object]';
    }
    const name = nameOf(value);
    if (tag === '[object Map]') {
      const show = ([key, part]) => `${inspect(key, inside)} => ${inspect(part, inside)}`;
      return laid(`${name}{`, collection(entriesOf(value), show), '}', depth);
    } else if (tag === '[object Set]') {
      return laid(`${name}{`, collection(valuesOf(value), (part) => inspect(part, inside)), '}', depth);
    } else if (tag === '[object Promise]') {
      return 'Promise {}';
    }
    const array = isArray(value);
    return laid(name + (array ? '[' : '{'), partsOf(value, inside, array), array ? ']' : '}', depth);
  }

  // Gives the value as a person reads it.
  function inspect(value, ancestors = []) {
    switch (typeof value) {
      case 'string':
        return quoted(value);
      case 'bigint':
        return `${value}n`;
      case 'number':
        return value === 0 && 1 / value < 0 ? '-0' : String(value);
      case 'function':
        return `[Function: ${getOwnPropertyDescriptor(value, 'name')?.value || 'anonymous'}]`;
      case 'object':
        if (value !== null) {
          try {
            return inspectObject(value, ancestors);
          } catch (error) {
            return '[an object that cannot be looked at]';
          }
        }
    }
    return String(value);
  }

  const PLACE = /%[sdifjoOc%]/g;

  function spell(kind, value) {
    switch (kind) {
      case '%s':
        return typeof value === 'string' ? value : inspect(value);
      case '%d':
        return typeof value === 'bigint' ? `${value}n` : String(Number(value));
      case '%i':
        return typeof value === 'bigint' ? `${value}n` : String(Math.trunc(Number(value)));
      case '%f':
        return String(Number(value));
      case '%j':
        return stringify(value);
      case '%c':
        return '';
    }
    return inspect(value);
  }

  // Gives one line of text: what stands for %s and its like first, then the rest, with spaces between.
  function format(values) {
    let used = 0, first = [];
    if (typeof values[0] === 'string' && values.length > 1) {
      used = 1;
      const filled = (kind) => (used < values.length ? spell(kind, values[used++]) : kind);
      first = [values[0].replace(PLACE, (kind) => (kind === '%%' ? '%' : filled(kind)))];
    }
    const rest = [];
    for (let index = used; index < values.length; index++) {
      rest.push(typeof values[index] === 'string' ? values[index] : inspect(values[index]));
    }
    return first.concat(rest).join(' ');
  }

  const HARD = /^\u0001|\0/;

  function write(to, text) {
    if (to === undefined) {
      throw new Error('console: a function that others call cannot print');
    }
    const whole = toWellFormed(text);
    if (to(find(HARD, whole) ? flat('\u0001', stringify(whole)) : flat(whole)) !== true) {
      halt();
    }
  }

  const print = (text) => write(host.write, text);
  const say = (text) => write(host.write_error, text);
  let margin = '';
  const line = (values) => (margin ? format(values).replace(/^/gm, margin) : format(values)) + '\n';

  const console = {
    log: (...values) => print(line(values)),
    info: (...values) => print(line(values)),
    debug: (...values) => print(line(values)),
    error: (...values) => say(line(values)),
    warn: (...values) => say(line(values)),
    assert: (holds, ...values) => {
      if (!holds) {
        say(line(values.length > 0 ? ['Assertion failed:', ...values] : ['Assertion failed']));
      }
    },
    group: (...values) => {
      if (values.length > 0) {
        print(line(values));
      }
      margin += '  ';
    },
    groupEnd: () => {
      margin = margin.slice(2);
    },
  };
  return { console, inspect };
})
