// A byte range read over HTTP, in as many attempts as it takes.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/client.h"
#include "objectstore/patience.h"

namespace leat::objectstore {

// Asks for bytes [offset, end) ("Range: bytes=offset-(end-1)") on condition of the version, and
// checks that the answer, of status 200 or 206, is of it.
using OpenRange =
    std::function<Result<std::unique_ptr<net::ClientResponse>>(uint64_t offset, uint64_t end)>;

struct RangeRead {
  std::string what;  // "GET s3://b/k", for messages
  uint64_t offset = 0;
  uint64_t size = 0;
  // An answer that brings less than kProgress in this time is given up, as one that breaks off.
  std::chrono::milliseconds stall_timeout{20'000};
};

// Gives exactly the range to `sink`. What breaks off is asked for again from there. An answer of
// another range or length is kCorrupt (tried again, too); a whole object (200) is read over up to
// the offset. An error from `sink` ends it with that error.
Status ReadRange(const RangeRead& read, const OpenRange& open, Patience& patience,
                 const std::function<Status(std::string_view)>& sink, const std::stop_token& stop);

// Whether nobody has compressed the bytes: then an ETag that is merely called weak stands for the
// same as the strong one.
bool IsUnencoded(const net::Headers& headers);

}  // namespace leat::objectstore
