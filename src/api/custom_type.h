// From a CustomResourceDefinition to the row that it describes.
#pragma once

#include "api/types.h"

namespace leat::api {

// Only what identifies it: group and names, with the defaults of those that are left out.
Type NamesOf(const json::Value& spec, const json::Value& names);

// Of an admitted, v1-shaped definition, under its accepted names where its status has them (an
// update may ask for names that it does not get); kInvalid names the version whose schema does not
// compile.
Result<Type> TypeOfDefinition(const json::Value& crd);

// CustomResourceDefinitions between v1beta1 and v1: the same content in the other's shape. What
// v1beta1 says once for all versions stands in each version of v1, and back again when all
// versions agree.
void DefinitionToV1(json::Value& crd);
void DefinitionToV1Beta1(json::Value& crd);

}  // namespace leat::api
