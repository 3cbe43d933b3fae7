// From a TrainingJob's spec to the SageMaker API's words, and back to its status.
#pragma once

#include <string>

#include "json/value.h"

namespace leat::sagemaker {

// The CreateTrainingJob request of a spec: keys start upper-case, lists of {name, value} become
// maps. `name` is the job's name at SageMaker.
json::Value CreateTrainingJobRequest(const json::Value& spec, const std::string& name);

// The name at SageMaker of a TrainingJob that was not given one: its own name and its uid without
// dashes, cut to 63 characters at the name's expense.
std::string GeneratedJobName(const std::string& object_name, const std::string& uid);

// True if every value that the request gives is in the description (DescribeTrainingJob's answer),
// which may say more: SageMaker adds defaults. Tags are not described.
bool Describes(const json::Value& description, const json::Value& request);

// The status that a description stands for, without lastCheckTime; `additional` is the reason of a
// failure, else what the last step of an unfinished or stopped job says of itself. `endpoint` is
// where it came from.
json::Value StatusOf(const json::Value& description, const std::string& region,
                     const std::string& endpoint);

// Where the job's log is to be found: AWS's console when the endpoint is AWS's own, else that
// endpoint, with group and prefix in the console's form ("http://127.0.0.1:9000/#logStream:...").
// The latter is for people and programs to read, and nothing that a browser shows.
std::string LogUrl(const std::string& job_name, const std::string& region,
                   const std::string& endpoint);

// True for Completed, Failed and Stopped: nothing will change any more.
bool IsTerminal(std::string_view training_job_status);

}  // namespace leat::sagemaker
