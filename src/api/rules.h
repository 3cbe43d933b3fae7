// The rules behind ValidateObject, one function for each part. All append to `errors`, read
// whatever the object holds (a value of a wrong type reads as absent: the schema reports it), and
// take the old object where rules about changes apply.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/field_errors.h"
#include "api/types.h"

namespace leat::api {

using FieldErrors = std::vector<FieldError>;

// "path.key" and "path[3]".
std::string Child(std::string_view path, std::string_view key);
std::string Item(std::string_view path, size_t index);

// One InvalidValue for each text that a Check... function of validation.h gave.
void AddAll(std::string_view path, const json::Value& value, const std::vector<std::string>& texts,
            FieldErrors& errors);
// "must be between LOW and HIGH, inclusive", for a value that is there.
void CheckRange(std::string_view path, const json::Value& value, int64_t low, int64_t high,
                FieldErrors& errors);
// Keys and values of labels, or of a nodeSelector.
void CheckLabels(std::string_view path, const json::Value& labels, FieldErrors& errors);

void CheckMetadata(const Type& type, const json::Value& object, const json::Value* old,
                   FieldErrors& errors);
void CheckPod(const json::Value& pod, const json::Value* old, FieldErrors& errors);
// A version's openAPIV3Schema, as upstream's structural schemas are checked.
void CheckStructural(const std::string& path, const json::Value& schema, FieldErrors& errors);
void CheckDefinition(const json::Value& crd, const json::Value* old, FieldErrors& errors);
// Secrets, config maps, nodes, events, leases; nothing for other kinds.
void CheckSmallKind(const Type& type, const json::Value& object, const json::Value* old,
                    FieldErrors& errors);

// The parts of a pod.
void CheckContainers(const json::Value& spec, FieldErrors& errors);
void CheckVolumes(const json::Value& spec, FieldErrors& errors);
void CheckPlacement(const json::Value& spec, FieldErrors& errors);
// limits and requests of a container: names, whole numbers of devices, requests within limits.
void CheckResources(std::string_view path, const json::Value& resources, FieldErrors& errors);
void CheckPodUpdate(const json::Value& spec, const json::Value& old_spec, FieldErrors& errors);

// "nvidia.com/gpu": a domain other than kubernetes.io's.
bool IsExtendedResource(std::string_view name);
// A relative path without "..", as volumes want them.
void CheckLocalPath(std::string_view path, const json::Value& value, FieldErrors& errors);

}  // namespace leat::api
