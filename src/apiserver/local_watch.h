// The in-process watch: a bounded queue between the store and one reader.
#pragma once

#include <memory>
#include <string>

#include "api/object_client.h"
#include "apiserver/call.h"
#include "apiserver/selection.h"
#include "store/store.h"

namespace leat::apiserver {

// As api::ObjectClient::Watch; the objects are the store's own where no conversion is needed, so a
// watch copies nothing.
Result<std::unique_ptr<api::ObjectWatch>> StartLocalWatch(store::Store& store, Target target,
                                                          Selection selection,
                                                          const std::string& resource_version);

}  // namespace leat::apiserver
