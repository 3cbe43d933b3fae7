// The operations of a JSON service: one table says how each is called, checked and run.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "awsserver/json_shape.h"
#include "awsserver/service.h"
#include "json/value.h"

namespace leat::awsserver {

// `ServiceCall` is what the service's operations get; it has a member `input`.
template <class ServiceCall>
struct Operation {
  std::string_view name;
  const Shape& input;
  Answer<json::Value> (*run)(const ServiceCall& call);
  // What is to be refused before the input is held against its shape.
  Answer<void> (*check_first)(const json::Value& input) = nullptr;
};

// Immutable, thread-safe. The operations must outlive it.
template <class ServiceCall>
class OperationTable {
 public:
  // `invalid` is the service's error type for an input that breaks its shape.
  OperationTable(std::string_view service, std::string invalid,
                 std::span<const Operation<ServiceCall>> operations)
      : service_(service), operations_(operations), checker_(std::move(invalid), {}) {
    for (const Operation<ServiceCall>& operation : operations_) checker_.Add(operation.input);
  }

  // Refuses an operation that is not in the table and an input that does not fit; else runs it.
  Answer<json::Value> Run(std::string_view name, const ServiceCall& call) const {
    for (const Operation<ServiceCall>& operation : operations_) {
      if (operation.name != name) continue;
      if (operation.check_first) {
        if (auto right = operation.check_first(call.input); !right) return right.error();
      }
      if (auto fits = checker_.Check(operation.input, call.input); !fits) return fits.error();
      return operation.run(call);
    }
    return UnknownOperation(service_, name);
  }

 private:
  const std::string_view service_;
  const std::span<const Operation<ServiceCall>> operations_;
  ShapeChecker checker_;
};

}  // namespace leat::awsserver
