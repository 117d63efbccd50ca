// Redis scripts: the operations that look at a value before they change it, in Lua, since Redis performs a
// script as one step. A value is 8 bytes of version, then the data.

import { createHash } from 'node:crypto';

export interface Script {
  readonly text: string;
  /** The name by which Redis knows a script that it has seen. */
  readonly hash: string;
}

/** ARGV: the version that is expected, the new value, milliseconds or 0. Returns 1, or 0: another version. */
export const PUT = script(`
if redis.call('GETRANGE', KEYS[1], 0, 7) ~= ARGV[1] then return 0 end
if ARGV[3] == '0' then redis.call('SET', KEYS[1], ARGV[2])
else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1`);

/** ARGV: the version that is expected. Returns 1; 0: another version; -1: there was none. */
export const DELETE = script(`
local version = redis.call('GETRANGE', KEYS[1], 0, 7)
if version == '' then return -1 end
if version ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`);

/**
 * ARGV: the number to add, the new version, milliseconds or 0. Returns the sum, or 'conflict' or 'limit'.
 * Lua's numbers are the same as JavaScript's, but it writes them differently: the fewest digits that read as
 * the same number are laid out as JavaScript does it. 15 always suffice for a text of no more than 15, but
 * for the least numbers of all. Next to a power of two there may be one digit more than JavaScript writes.
 */
export const ADD = script(`
local function number(text)
  if #text > 32 then return nil end
  local mantissa = text:match('^(.*)e[+-]?%d+$') or text
  if not (mantissa:match('^%-?%d+$') or mantissa:match('^%-?%d+%.%d+$')) then return nil end
  return tonumber(text)
end
local function written(value)
  if value == 0 then return '0' end
  if value == math.floor(value) then return string.format('%.0f', value) end
  local text
  for digits = math.abs(value) < 2.3e-308 and 0 or 14, 16 do
    text = string.format('%.' .. digits .. 'e', value)
    if tonumber(text) == value then break end
  end
  local sign, first, rest, exponent = text:match('^(%-?)(%d)%.?(%d*)e([+-]%d+)$')
  local digits = (first .. rest):gsub('0+$', '')
  exponent = tonumber(exponent)
  if exponent >= 0 then
    return sign .. digits:sub(1, exponent + 1) .. '.' .. digits:sub(exponent + 2)
  end
  if exponent >= -6 then return sign .. '0.' .. string.rep('0', -exponent - 1) .. digits end
  if #digits > 1 then digits = digits:sub(1, 1) .. '.' .. digits:sub(2) end
  return sign .. digits .. 'e' .. string.format('%d', exponent)
end
local known = redis.call('GET', KEYS[1])
local before = 0
if known then
  before = #known >= 8 and number(known:sub(9))
  if not before then return 'conflict' end
end
local after = before + tonumber(ARGV[1])
if not (after >= -9007199254740991 and after <= 9007199254740991) then return 'limit' end
local text = written(after)
if known then redis.call('SET', KEYS[1], ARGV[2] .. text, 'KEEPTTL')
elseif ARGV[3] == '0' then redis.call('SET', KEYS[1], ARGV[2] .. text)
else redis.call('SET', KEYS[1], ARGV[2] .. text, 'PX', ARGV[3]) end
return text`);

function script(text: string): Script {
  const trimmed = text.trim();
  return { text: trimmed, hash: createHash('sha1').update(trimmed).digest('hex') };
}
