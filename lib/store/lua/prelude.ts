/**
 * Makes the globals of a Lua 5.3 state those that a Redis script has: Lua 5.1 names, whole numbers without `.0`, nothing
 * that reaches out of the script, and nothing that a script could leave behind for the next one.
 *
 * Takes the raw table of globals and returns the environment of scripts.
 */
export const PRELUDE: string = `
local globals = ...
local error, load, pairs, select, setmetatable, type = error, load, pairs, select, setmetatable, type
local rawtostring, tonumber = tostring, tonumber
local unpack, gsub, format = table.unpack, string.gsub, string.format

local function text(value)
  if type(value) == 'number' then return value .. '' end
  return rawtostring(value)
end
globals.tostring = text

-- As in Redis, an error table is caught as its text.
local rawpcall = pcall
local function caught(ok, value, ...)
  if not ok and type(value) == 'table' and type(value.err) == 'string' then return false, value.err end
  return ok, value, ...
end
globals.pcall = function(...) return caught(rawpcall(...)) end

globals.unpack = unpack
table.getn = function(list) return #list end
table.maxn = function(list)
  local last = 0
  for key in pairs(list) do
    if type(key) == 'number' and key > last then last = key end
  end
  return last
end

for _, name in pairs({ 'floor', 'ceil', 'abs', 'max', 'min', 'fmod' }) do
  local original = math[name]
  -- Sums of two integers would wrap at 32 bits.
  math[name] = function(...) return original(...) + 0 end
end
math.mod = math.fmod
math.pow = function(base, exponent) return base ^ exponent end
math.log10 = function(value) return math.log(value, 10) end
local modf = math.modf
math.modf = function(value)
  local whole, fraction = modf(value)
  return whole + 0, fraction
end

string.format = function(pattern, ...)
  local values, at = { ... }, 0
  local adapted = gsub(pattern, '%%([-+ #0]*%d*%.?%d*)([%a%%])', function(flags, kind)
    if kind == '%' then return nil end
    at = at + 1
    local value = values[at]
    if kind == 's' and type(value) == 'number' then values[at] = text(value) end
    if kind ~= 'd' and kind ~= 'i' and kind ~= 'u' then return nil end
    value = tonumber(value)
    if value and value == value then values[at] = value < 0 and math.ceil(value) or math.floor(value) end
    return '%' .. gsub(flags, '%..*', '') .. '.0f'
  end)
  return format(adapted, unpack(values, 1, select('#', ...)))
end

local function refuse()
  error('Attempt to modify a readonly table', 2)
end
local function readonly(library)
  return setmetatable({}, { __index = library, __newindex = refuse, __metatable = false })
end

local environment = setmetatable({}, {
  __metatable = false,
  __newindex = refuse,
  __index = function(_, name)
    local value = globals[name]
    if value == nil then error("Script attempted to access nonexistent global variable '" .. text(name) .. "'", 2) end
    return value
  end,
})

globals.load = function(chunk, name) return load(chunk, name, 't', environment) end
globals.loadstring = globals.load
globals.getmetatable('').__metatable = false
for _, name in pairs({ 'debug', 'dofile', 'io', 'loadfile', 'os', 'package', 'print', 'require', 'utf8' }) do
  globals[name] = nil
end
for _, name in pairs({ 'coroutine', 'cjson', 'math', 'redis', 'string', 'table' }) do
  globals[name] = readonly(globals[name])
end
globals._G = environment
return environment
`;
