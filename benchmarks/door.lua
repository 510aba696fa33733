-- Sends deliveries that were signed beforehand, one after the other.
-- Each line of the file has an id, a time, a signature and a body between tabs.
local requests = {}
local sent = 0

function init(args)
  for line in io.lines(args[1]) do
    local id, time, signature, body = line:match("^(%S+)\t(%S+)\t(%S+)\t(.*)$")
    requests[#requests + 1] = wrk.format("POST", nil, {
      ["Content-Type"] = "application/json",
      ["Host"] = wrk.headers["Host"],
      ["webhook-id"] = id,
      ["webhook-timestamp"] = time,
      ["webhook-signature"] = signature,
    }, body)
  end
end

function request()
  sent = sent + 1
  return requests[sent] or requests[#requests]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"answers": %d, "seconds": %f, "refused": %d, "broken": %d, "p99": %f}\n',
    summary.requests, summary.duration / 1e6, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(99) / 1e6))
end
