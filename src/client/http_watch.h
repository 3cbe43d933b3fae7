// A watch over HTTP: one JSON event a line, read by a thread of its own into a bounded queue.
#pragma once

#include <memory>
#include <stop_token>

#include "api/object_client.h"
#include "net/client.h"

namespace leat::client {

// At most 1,000 events wait; then the stream is not read on until Next takes some. `cancel` is what
// the request was sent with: it ends a blocked read.
std::unique_ptr<api::ObjectWatch> MakeHttpWatch(std::unique_ptr<net::ClientResponse> response,
                                                std::stop_source cancel);

}  // namespace leat::client
