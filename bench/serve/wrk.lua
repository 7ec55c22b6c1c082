-- Requests for wrk: POST to the path in WRK_PATH with the bodies in the file WRK_BODIES, one a line, in turn. When it is done it
-- writes one line: requests, microseconds, answers that are not 2xx or 3xx, socket errors, and p50 and p99 in microseconds.
local requests = {}
local at = 0

function init()
  for body in io.lines(os.getenv("WRK_BODIES")) do
    requests[#requests + 1] = wrk.format("POST", os.getenv("WRK_PATH"), { ["content-type"] = "application/json" }, body)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local e = summary.errors
  io.write("sinter ", summary.requests, " ", summary.duration, " ", e.status, " ", e.connect + e.read + e.write + e.timeout, " ")
  io.write(latency:percentile(50), " ", latency:percentile(99), "\n")
end
