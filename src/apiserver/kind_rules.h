// What is special about a kind when it is written or deleted: the parts of an object that its
// server owns.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "api/types.h"
#include "base/clock.h"
#include "json/value.h"

namespace leat::apiserver {

inline constexpr std::string_view kNamespaceFinalizer = "kubernetes";  // in spec.finalizers
inline constexpr std::string_view kCrdFinalizer = "customresourcecleanup.apiextensions.k8s.io";
inline constexpr std::string_view kOrphanFinalizer = "orphan";
inline constexpr std::string_view kForegroundFinalizer = "foregroundDeletion";

inline constexpr std::string_view kCrdStorageName =
    "customresourcedefinitions.apiextensions.k8s.io";

bool IsPod(const api::Type& type);
bool IsNamespace(const api::Type& type);
bool IsCrd(const api::Type& type);

// Of a new object in its checked version: status reset to what the kind starts with, server-owned
// spec fields set, write-only fields folded in (a secret's stringData).
void PrepareCreate(const api::TypeTable& types, const api::Type& type,
                   const api::TypeVersion& version, WallTime now, json::Value& object);
// Of a replacement of `old`: what the main endpoint may not change is taken from `old`.
void PrepareUpdate(const api::TypeTable& types, const api::Type& type,
                   const api::TypeVersion& version, WallTime now, const json::Value& old,
                   json::Value& object);

// Of a replacement of `old` through /status: what is not for clients to say is taken from `old`.
void PrepareStatusUpdate(const api::Type& type, const json::Value& old, json::Value& object);
// Does /status change labels and annotations too? As upstream: of built-in kinds, not of custom
// ones and their definitions.
bool StatusTakesLabels(const api::Type& type);

// Does an update of an object that is not there create it? As upstream.
bool CreatesOnUpdate(const api::Type& type);

// Does metadata.generation count this type's spec changes?
bool CountsGeneration(const api::Type& type);
// True if anything beside metadata and status differs.
bool SpecDiffers(const json::Value& a, const json::Value& b);

// How long the object may take to end after a delete: pods that are bound to a node and still run,
// their own or the requested grace; 0 for all else.
int64_t DeletionGrace(const api::Type& type, const json::Value& object,
                      std::optional<int64_t> requested);
// Marks of a beginning deletion beyond metadata: a namespace's phase, a CRD's Terminating
// condition and its cleanup finalizer.
void MarkTerminating(const api::Type& type, WallTime now, json::Value& object);
// True while something other than a grace period must be waited for.
bool HeldByFinalizers(const api::Type& type, const json::Value& object);

}  // namespace leat::apiserver
