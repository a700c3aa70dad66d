-- Every request shows the session behind that of the request before: wrk … -s sessions.lua <url> <first> <count>
-- with session numbers from <first>, <count> of them, over and over.
dofile(debug.getinfo(1, 'S').source:match('^@(.*/)') .. 'report.lua')

local first, count, sent = 0, 1, 0

function init(args)
  first, count = tonumber(args[1]), tonumber(args[2])
end

function request()
  wrk.headers['Cookie'] = 'oc_sessionPassphrase=session-' .. (first + sent % count)
  sent = sent + 1
  return wrk.format()
end
