// ObjectClient over HTTPS.
#pragma once

#include <memory>

#include "api/object_client.h"
#include "base/result.h"
#include "client/kubeconfig.h"

namespace leat::client {

// Connects when first used. kInvalid when the server's URL cannot be read.
Result<std::unique_ptr<api::ObjectClient>> MakeHttpObjectClient(const ClusterAccess& access);

}  // namespace leat::client
