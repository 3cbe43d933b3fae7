// Small readings of metadata that every controller needs.
#pragma once

#include <string>
#include <string_view>

#include "json/value.h"

namespace leat::api {

bool HasFinalizer(const json::Value& object, std::string_view finalizer);
// True if it changed anything.
bool AddFinalizer(json::Value& object, std::string_view finalizer);
bool RemoveFinalizer(json::Value& object, std::string_view finalizer);
bool IsBeingDeleted(const json::Value& object);  // has a deletionTimestamp

// {apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true} for `owner`.
json::Value ControllerReference(const json::Value& owner);
// The uid of the owner with controller: true, or "".
std::string ControllerUid(const json::Value& object);
// {apiVersion, kind, namespace, name, uid, resourceVersion} for events.
json::Value ObjectReference(const json::Value& object);

// Sets a metav1.Condition of that type; lastTransitionTime moves only when status changes. True if
// anything changed.
bool SetCondition(json::Value& conditions, std::string_view type, std::string_view status,
                  std::string_view reason, std::string_view message, std::string_view now);
const json::Value& FindCondition(const json::Value& conditions, std::string_view type);

}  // namespace leat::api
