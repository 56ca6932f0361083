// What is `State` in JavaScript? The verbs of the contract over the functions of the host.
// Given: host (the bindings' functions), values (see values.js), checks (see checks.js). Gives: { State, recover }.
(function (host, values, checks) {
  'use strict';
  const { decode, wasFloat, own } = values;
  const { NONE, refuse, result, describe, textOf, scopeOf, isNothing, number, flag, needFunction } = checks;
  const { options, optionsText, pointText, json } = checks;
  const { isArray } = Array, { assign, keys, freeze, create } = Object, { BigInt } = globalThis;
  const split = own(String.prototype.split), slice = own(String.prototype.slice), join = own(Array.prototype.join);
  const indexOf = own(String.prototype.indexOf);
  const isPromise = (value) => value !== null && typeof value === 'object' && typeof value.then === 'function';

  const UNSTORABLE = 'the value cannot be stored';
  const names = (text) => (text.length > 1 ? split(slice(text, 1), '\0') : []);
  const numeral = (given) => (typeof given === 'string' ? BigInt(given) : given);

  // Whole numbers that were loaded as floats, by scope and key: saved again under the same key they stay floats.
  let loadedFloats = create(null), loadedCount = 0;
  function remember(scope, key, value) {
    if (wasFloat() && typeof value === 'number') {
      if (loadedCount++ >= 1000) {
        loadedFloats = create(null);
        loadedCount = 1;
      }
      loadedFloats[scope + '\0' + key] = value;
    }
    return value;
  }
  function staysFloat(scope, key, value) {
    return loadedCount > 0 && typeof value === 'number' && loadedFloats[scope + '\0' + key] === value;
  }

  function removed(call, scope, key, ifVersion) {
    return result(call, host.delete(scope, key, number(call, 'if_version', ifVersion)));
  }

  // Verbs ------------------------------------------------------------------------------------------------------

  const keepsHistory = host.history !== undefined;

  // Where there is history, an object that holds `at` and nothing else is no default.
  function namesPoint(value) {
    return keepsHistory && typeof value === 'object' && value !== null && join(keys(value), ',') === 'at';
  }

  const State = {
    null: null,

    array(items = []) {
      if (!isArray(items)) {
        refuse('array', `an array is needed, not ${describe(items)}`);
      }
      return items;
    },
  };

  const verbs = {
    save(scope, key, value, opts) {
      const inScope = scopeOf('save', scope), atKey = textOf('save', 'key', key);
      const chosen = opts === undefined ? NONE : options('save', opts, ['ttl', 'if_version']);
      const ttl = number('save', 'ttl', chosen.ttl), ifVersion = number('save', 'if_version', chosen.if_version);
      if (isNothing(value)) {
        return numeral(result('save', host.save_nothing(inScope, atKey, ifVersion)));
      }
      const text = json('save', value, UNSTORABLE, staysFloat(scope, key, value));
      return numeral(result('save', host.save(inScope, atKey, text, ttl, ifVersion)));
    },

    load(scope, key, otherwise, opts) {
      const inScope = scopeOf('load', scope), atKey = textOf('load', 'key', key);
      if (otherwise !== undefined && opts === undefined && namesPoint(otherwise)) {
        opts = otherwise;
        otherwise = undefined;
      }
      const at = opts === undefined ? undefined : options('load', opts, ['at']).at;
      const text = isNothing(at)
        ? result('load', host.load(inScope, atKey))
        : result('load', host.load_at(inScope, atKey, pointText('load', 'the point', at)));
      return text === null ? otherwise : remember(scope, key, decode(text));
    },

    delete(scope, key, opts) {
      const { if_version } = options('delete', opts, ['if_version']);
      return removed('delete', scopeOf('delete', scope), textOf('delete', 'key', key), if_version);
    },

    list_keys(scope, opts) {
      const inScope = scopeOf('list_keys', scope);
      const { prefix, after, limit } = options('list_keys', opts, ['prefix', 'after', 'limit']);
      const begin = isNothing(prefix) ? false : textOf('list_keys', 'prefix', prefix);
      const from = isNothing(after) ? false : textOf('list_keys', 'after', after);
      return names(result('list_keys', host.list_keys(inScope, begin, from, number('list_keys', 'limit', limit))));
    },

    exists(scope, key) {
      return result('exists', host.exists(scopeOf('exists', scope), textOf('exists', 'key', key)));
    },

    entry(scope, key) {
      const found = result('entry', host.entry(scopeOf('entry', scope), textOf('entry', 'key', key)));
      if (found === null) {
        return undefined;
      }
      const end = indexOf(found, '\n'), stamps = split(slice(found, 0, end), ' ');
      const value = remember(scope, key, decode(slice(found, end + 1)));
      return {
        value,
        version: decode(stamps[0]),
        created_at: +stamps[1],
        updated_at: +stamps[2],
        expires_at: stamps[3] === '-' ? null : +stamps[3],
      };
    },

    scopes(prefix) {
      return names(result('scopes', host.scopes(isNothing(prefix) ? false : textOf('scopes', 'prefix', prefix))));
    },

    clear(scope) {
      return result('clear', host.clear(scopeOf('clear', scope)));
    },

    increment(scope, key, by = 1) {
      const inScope = scopeOf('increment', scope), atKey = textOf('increment', 'key', key);
      if (typeof by !== 'number' && typeof by !== 'bigint') {
        refuse('increment', `by must be a number, not ${describe(by)}`);
      }
      return numeral(result('increment', host.increment(inScope, atKey, number('increment', 'by', by))));
    },

    append(scope, key, item, opts) {
      const inScope = scopeOf('append', scope), atKey = textOf('append', 'key', key);
      if (item === undefined) {
        refuse('append', 'there is no item to append; null can be appended');
      }
      const keep = number('append', 'keep', options('append', opts, ['keep']).keep);
      return result('append', host.append(inScope, atKey, json('append', item, UNSTORABLE), keep));
    },

    touch(scope, key, ttl) {
      const inScope = scopeOf('touch', scope), atKey = textOf('touch', 'key', key);
      return result('touch', host.touch(inScope, atKey, number('touch', 'ttl', ttl)));
    },

    flush() {
      result('flush', host.flush());
    },

    transaction(fn) {
      needFunction('transaction', fn);
      return transact('transaction', fn);
    },

    update(scope, key, fn, otherwise) {
      const inScope = scopeOf('update', scope), atKey = textOf('update', 'key', key);
      needFunction('update', fn);
      return transact('update', () => {
        const text = result('update', host.load(inScope, atKey));
        const old = text === null ? otherwise : decode(text);
        const float = text !== null && wasFloat();
        const value = fn(old);
        refusePromise('update', value);
        if (isNothing(value)) {
          removed('update', inScope, atKey);
          return undefined;
        }
        result('update', host.rewrite(inScope, atKey, json('update', value, UNSTORABLE, float && value === old)));
        return value;
      });
    },
  };

  // Transactions: the host cannot call a script's function and keep its errors whole, so the loop is here. -------

  const FREE_ATTEMPTS = 4;
  let inTransaction = false;

  function refusePromise(call, value) {
    if (isPromise(value)) {
      value.then(undefined, () => undefined); // what becomes of it is of no interest any more
      refuse(call, 'the function must be done when it returns, not be async: what it did so far was undone');
    }
  }

  // Ends one attempt after an error: true when it was overtaken, so that running it again may help.
  function rolledBack() {
    inTransaction = false;
    return host.roll_back() === true;
  }

  function transact(call, fn) {
    if (inTransaction) {
      return fn();
    }
    for (let count = 1; ; count++) {
      const alone = count > FREE_ATTEMPTS;
      result(call, host.begin(alone));
      inTransaction = true;
      let value;
      try {
        value = fn();
        refusePromise(call, value);
      } catch (error) {
        if (rolledBack() && !alone) {
          continue;
        }
        throw error;
      }
      inTransaction = false;
      if (result(call, host.commit())) {
        return value;
      }
    }
  }

  if (host.save) {
    assign(State, verbs);
  }

  // What is there only where the configuration enables it --------------------------------------------------------

  const answer = (call, given) => decode(result(call, given));

  if (host.migrate) {
    State.migrate = function migrate(target, opts) {
      const to = textOf('migrate', 'target', target);
      const { dry_run, on_error } = options('migrate', opts, ['dry_run', 'on_error']);
      const policy = isNothing(on_error) ? false : textOf('migrate', 'on_error option', on_error);
      return answer('migrate', host.migrate(to, flag('migrate', 'dry_run', dry_run), policy));
    };
    State.migration_status = () => answer('migration_status', host.migration_status());
    State.schema_versions = () => answer('schema_versions', host.schema_versions());
  }

  if (host.create_backup) {
    State.create_backup = function create_backup(given) {
      if (isNothing(given) || typeof given === 'boolean') {
        return answer('create_backup', host.create_backup(isNothing(given) ? -1 : +given, false));
      } else if (typeof given !== 'object') {
        const needed = 'true (an incremental one), false or an object of options is needed';
        refuse('create_backup', `${needed}, not ${describe(given)}`);
      }
      return answer('create_backup', host.create_backup(-1, optionsText('create_backup', given)));
    };
    State.list_backups = () => answer('list_backups', host.list_backups());
    State.restore_backup = function restore_backup(id, opts) {
      const backup = textOf('restore_backup', 'id of the backup', id);
      return answer('restore_backup', host.restore_backup(backup, optionsText('restore_backup', opts)));
    };
    State.validate_backup = function validate_backup(id) {
      return answer('validate_backup', host.validate_backup(textOf('validate_backup', 'id of the backup', id)));
    };
    State.cleanup_backups = function cleanup_backups(dryRun) {
      return answer('cleanup_backups', host.cleanup_backups(flag('cleanup_backups', 'dry_run', dryRun)));
    };
    State.get_storage_usage = () => answer('get_storage_usage', host.get_storage_usage());
  }

  if (host.history) {
    State.history = function history(scope, key, opts) {
      const inScope = scopeOf('history', scope), atKey = textOf('history', 'key', key);
      return answer('history', host.history(inScope, atKey, optionsText('history', opts)));
    };
    State.diff = function diff(scope, from, to) {
      const first = pointText('diff', 'the first point', from);
      const last = isNothing(to) ? false : pointText('diff', 'the second point', to);
      return answer('diff', host.diff(scopeOf('diff', scope), first, last));
    };
    State.restore_points = () => answer('restore_points', host.restore_points());
    State.restore = function restore(at, opts) {
      const point = pointText('restore', 'the point to restore', at);
      return answer('restore', host.restore(point, optionsText('restore', opts)));
    };
  }

  function recover() {
    inTransaction = false;
  }

  return { State: freeze(State), recover };
})
