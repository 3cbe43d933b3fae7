#include "awsserver/sagemaker_shapes.h"

namespace leat::awsserver::shapes {
namespace {

// What several operations share.
constexpr Shape kJobName = Text(1, 63, "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}");
constexpr Shape kAny256 = Text(0, 256, ".*");
constexpr Shape kS3Uri = Text(0, 1024, "(https|s3)://([^/]+)/?(.*)");
constexpr Shape kPath = Text(0, 4096, ".*");
constexpr Shape kKmsKeyId = Text(0, 2048, "[a-zA-Z0-9:/_-]*");
constexpr Shape kImage = Text(0, 255, ".*");
constexpr Shape kNextToken = Text(0, 8192, ".*");
constexpr Shape kTagKey = Text(1, 128, R"(([\p{L}\p{Z}\p{N}_.:/=+\-@]*))");
constexpr Shape kTagValue = Text(0, 256, R"(([\p{L}\p{Z}\p{N}_.:/=+\-@]*))");
constexpr Shape kResourceArn = Text(0, 256, "arn:aws[a-z-]*:sagemaker:[a-z0-9-]*:[0-9]{12}:.+");
constexpr Shape kTrainingPlanArn =
    Text(50, 2048, R"(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:training-plan/.*)");

constexpr ShapeMember kTagMembers[] = {{"Key", &kTagKey, kRequired},
                                       {"Value", &kTagValue, kRequired}};
constexpr Shape kTag = Structure(kTagMembers);
constexpr Shape kTags = ListOf(kTag, 0, 50);

// AlgorithmSpecification
constexpr const char* kInputModes[] = {"Pipe", "File", "FastFile"};
constexpr Shape kInputMode = OneOf(kInputModes);
constexpr Shape kAlgorithmName =
    Text(1, 170,
         R"((arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z\-]*\/)?)"
         R"(([a-zA-Z0-9]([a-zA-Z0-9-]){0,62})(?<!-))",
         R"((arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z\-]*\/)?)"
         R"([a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)");
constexpr Shape kMetricName = Text(1, 255, ".+");
constexpr Shape kMetricRegex = Text(1, 500, ".+");
constexpr ShapeMember kMetricMembers[] = {{"Name", &kMetricName, kRequired},
                                          {"Regex", &kMetricRegex, kRequired}};
constexpr Shape kMetric = Structure(kMetricMembers);
constexpr Shape kMetrics = ListOf(kMetric, 0, 40);
constexpr Shape kContainerWords = ListOf(kAny256, 1, 100);
constexpr const char* kRepositoryModes[] = {"Platform", "Vpc"};
constexpr Shape kRepositoryMode = OneOf(kRepositoryModes);
constexpr Shape kCredentialsProvider =
    Text(1, 2048, R"(arn:[\p{Alnum}\-]+:lambda:[\p{Alnum}\-]+:[0-9]{12}:function:.*)",
         R"(arn:[[:alnum:]\-]+:lambda:[[:alnum:]\-]+:[0-9]{12}:function:.*)");
constexpr ShapeMember kRepositoryAuthMembers[] = {
    {"TrainingRepositoryCredentialsProviderArn", &kCredentialsProvider, kRequired}};
constexpr Shape kRepositoryAuth = Structure(kRepositoryAuthMembers);
constexpr ShapeMember kImageConfigMembers[] = {
    {"TrainingRepositoryAccessMode", &kRepositoryMode, kRequired},
    {"TrainingRepositoryAuthConfig", &kRepositoryAuth}};
constexpr Shape kImageConfig = Structure(kImageConfigMembers);
constexpr ShapeMember kAlgorithmMembers[] = {{"TrainingImage", &kImage},
                                             {"AlgorithmName", &kAlgorithmName},
                                             {"TrainingInputMode", &kInputMode, kRequired},
                                             {"MetricDefinitions", &kMetrics},
                                             {"EnableSageMakerMetricsTimeSeries", &kBooleanShape},
                                             {"ContainerEntrypoint", &kContainerWords},
                                             {"ContainerArguments", &kContainerWords},
                                             {"TrainingImageConfig", &kImageConfig}};
constexpr Shape kAlgorithm = Structure(kAlgorithmMembers);

// InputDataConfig
constexpr Shape kChannelName = Text(1, 64, R"([A-Za-z0-9\.\-_]+)");
constexpr const char* kS3DataTypes[] = {"ManifestFile", "S3Prefix", "AugmentedManifestFile",
                                        "Converse"};
constexpr Shape kS3DataType = OneOf(kS3DataTypes);
constexpr const char* kDistributions[] = {"FullyReplicated", "ShardedByS3Key"};
constexpr Shape kDistribution = OneOf(kDistributions);
constexpr Shape kAttributeName = Text(1, 256, ".+");
constexpr Shape kAttributeNames = ListOf(kAttributeName, 0, 16);
constexpr Shape kInstanceGroupName = Text(1, 64, ".+");
constexpr Shape kInstanceGroupNames = ListOf(kInstanceGroupName, 0, 5);
constexpr ShapeMember kModelAccessMembers[] = {{"AcceptEula", &kBooleanShape, kRequired}};
constexpr Shape kModelAccess = Structure(kModelAccessMembers);
constexpr Shape kHubContentArn = Text(0, 255, ".*");
constexpr ShapeMember kHubAccessMembers[] = {{"HubContentArn", &kHubContentArn, kRequired}};
constexpr Shape kHubAccess = Structure(kHubAccessMembers);
constexpr ShapeMember kS3SourceMembers[] = {{"S3DataType", &kS3DataType, kRequired},
                                            {"S3Uri", &kS3Uri, kRequired},
                                            {"S3DataDistributionType", &kDistribution},
                                            {"AttributeNames", &kAttributeNames},
                                            {"InstanceGroupNames", &kInstanceGroupNames},
                                            {"ModelAccessConfig", &kModelAccess},
                                            {"HubAccessConfig", &kHubAccess}};
constexpr Shape kS3Source = Structure(kS3SourceMembers);
constexpr Shape kFileSystemId = Text(11, 21, "(fs-[0-9a-f]{8,})");
constexpr const char* kAccessModes[] = {"rw", "ro"};
constexpr Shape kAccessMode = OneOf(kAccessModes);
constexpr const char* kFileSystemTypes[] = {"EFS", "FSxLustre"};
constexpr Shape kFileSystemType = OneOf(kFileSystemTypes);
constexpr ShapeMember kFileSystemMembers[] = {{"FileSystemId", &kFileSystemId, kRequired},
                                              {"FileSystemAccessMode", &kAccessMode, kRequired},
                                              {"FileSystemType", &kFileSystemType, kRequired},
                                              {"DirectoryPath", &kPath, kRequired}};
constexpr Shape kFileSystem = Structure(kFileSystemMembers);
constexpr ShapeMember kDataSourceMembers[] = {{"S3DataSource", &kS3Source},
                                              {"FileSystemDataSource", &kFileSystem}};
constexpr Shape kDataSource = Structure(kDataSourceMembers);
constexpr const char* kCompressions[] = {"None", "Gzip"};
constexpr Shape kCompression = OneOf(kCompressions);
constexpr const char* kRecordWrappers[] = {"None", "RecordIO"};
constexpr Shape kRecordWrapper = OneOf(kRecordWrappers);
constexpr Shape kSeed = Long();
constexpr ShapeMember kShuffleMembers[] = {{"Seed", &kSeed, kRequired}};
constexpr Shape kShuffle = Structure(kShuffleMembers);
constexpr ShapeMember kChannelMembers[] = {{"ChannelName", &kChannelName, kRequired},
                                           {"DataSource", &kDataSource, kRequired},
                                           {"ContentType", &kAny256},
                                           {"CompressionType", &kCompression},
                                           {"RecordWrapperType", &kRecordWrapper},
                                           {"InputMode", &kInputMode},
                                           {"ShuffleConfig", &kShuffle}};
constexpr Shape kChannel = Structure(kChannelMembers);
constexpr Shape kChannels = ListOf(kChannel, 1, 20);

// OutputDataConfig, ResourceConfig, VpcConfig, StoppingCondition
constexpr const char* kOutputCompressions[] = {"GZIP", "NONE"};
constexpr Shape kOutputCompression = OneOf(kOutputCompressions);
constexpr ShapeMember kOutputMembers[] = {{"KmsKeyId", &kKmsKeyId},
                                          {"S3OutputPath", &kS3Uri, kRequired},
                                          {"CompressionType", &kOutputCompression}};
constexpr Shape kOutput = Structure(kOutputMembers);
constexpr Shape kInstanceCount = Integer(1);
constexpr Shape kVolumeSize = Integer(1);
constexpr Shape kKeepAlive = Integer(0, 21'600);
constexpr ShapeMember kResourceMembers[] = {{"InstanceType", &kTrainingInstanceType, kRequired},
                                            {"InstanceCount", &kInstanceCount, kRequired},
                                            {"VolumeSizeInGB", &kVolumeSize},
                                            {"VolumeKmsKeyId", &kKmsKeyId},
                                            {"KeepAlivePeriodInSeconds", &kKeepAlive},
                                            {"TrainingPlanArn", &kTrainingPlanArn}};
constexpr Shape kResources = Structure(kResourceMembers);
constexpr Shape kVpcId = Text(0, 32, "[-0-9a-zA-Z]+");
constexpr Shape kSecurityGroups = ListOf(kVpcId, 1, 5);
constexpr Shape kSubnets = ListOf(kVpcId, 1, 16);
constexpr ShapeMember kVpcMembers[] = {{"SecurityGroupIds", &kSecurityGroups, kRequired},
                                       {"Subnets", &kSubnets, kRequired}};
constexpr Shape kVpc = Structure(kVpcMembers);
constexpr Shape kSeconds = Integer(1);
constexpr Shape kPendingSeconds = Integer(7'200, 2'419'200);
constexpr ShapeMember kStoppingMembers[] = {{"MaxRuntimeInSeconds", &kSeconds},
                                            {"MaxWaitTimeInSeconds", &kSeconds},
                                            {"MaxPendingTimeInSeconds", &kPendingSeconds}};
constexpr Shape kStopping = Structure(kStoppingMembers);
constexpr ShapeMember kCheckpointMembers[] = {{"S3Uri", &kS3Uri, kRequired}, {"LocalPath", &kPath}};
constexpr Shape kCheckpoint = Structure(kCheckpointMembers);

// Debugger, TensorBoard, profiler, experiments
constexpr Shape kConfigKey = Text(1, 256, ".*");
constexpr Shape kTwentyParameters = MapOf(kConfigKey, kAny256, 0, 20);
constexpr Shape kRuleParameters = MapOf(kConfigKey, kAny256, 0, 100);
constexpr ShapeMember kCollectionMembers[] = {{"CollectionName", &kConfigKey},
                                              {"CollectionParameters", &kTwentyParameters}};
constexpr Shape kCollection = Structure(kCollectionMembers);
constexpr Shape kCollections = ListOf(kCollection, 0, 20);
constexpr ShapeMember kDebugHookMembers[] = {{"LocalPath", &kPath},
                                             {"S3OutputPath", &kS3Uri, kRequired},
                                             {"HookParameters", &kTwentyParameters},
                                             {"CollectionConfigurations", &kCollections}};
constexpr Shape kDebugHook = Structure(kDebugHookMembers);
constexpr Shape kProcessingInstanceType{.kind = ShapeKind::kString};
constexpr Shape kRuleVolumeSize = Integer(0);
constexpr ShapeMember kRuleMembers[] = {{"RuleConfigurationName", &kConfigKey, kRequired},
                                        {"LocalPath", &kPath},
                                        {"S3OutputPath", &kS3Uri},
                                        {"RuleEvaluatorImage", &kImage, kRequired},
                                        {"InstanceType", &kProcessingInstanceType},
                                        {"VolumeSizeInGB", &kRuleVolumeSize},
                                        {"RuleParameters", &kRuleParameters}};
constexpr Shape kRule = Structure(kRuleMembers);
constexpr Shape kRules = ListOf(kRule, 0, 20);
constexpr ShapeMember kTensorBoardMembers[] = {{"LocalPath", &kPath},
                                               {"S3OutputPath", &kS3Uri, kRequired}};
constexpr Shape kTensorBoard = Structure(kTensorBoardMembers);
constexpr Shape kExperimentName = Text(1, 120, "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,119}");
constexpr ShapeMember kExperimentMembers[] = {{"ExperimentName", &kExperimentName},
                                              {"TrialName", &kExperimentName},
                                              {"TrialComponentDisplayName", &kExperimentName},
                                              {"RunName", &kExperimentName}};
constexpr Shape kExperiment = Structure(kExperimentMembers);
constexpr Shape kInterval = Long();
constexpr ShapeMember kProfilerMembers[] = {{"S3OutputPath", &kS3Uri},
                                            {"ProfilingIntervalInMilliseconds", &kInterval},
                                            {"ProfilingParameters", &kTwentyParameters},
                                            {"DisableProfiler", &kBooleanShape}};
constexpr Shape kProfiler = Structure(kProfilerMembers);

// The request itself
constexpr Shape kHyperParameterKey = Text(0, 256, ".*");
constexpr Shape kHyperParameterValue = Text(0, 2500, ".*");
constexpr Shape kHyperParameters = MapOf(kHyperParameterKey, kHyperParameterValue, 0, 100);
constexpr Shape kRoleArn =
    Text(20, 2048, R"(arn:aws[a-z\-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+)");
constexpr Shape kEnvironmentKey = Text(0, 512, "[a-zA-Z_][a-zA-Z0-9_]*");
constexpr Shape kEnvironmentValue = Text(0, 512, R"([\S\s]*)");
constexpr Shape kEnvironment = MapOf(kEnvironmentKey, kEnvironmentValue, 0, 100);
constexpr Shape kAttempts = Integer(1, 30);
constexpr ShapeMember kRetryMembers[] = {{"MaximumRetryAttempts", &kAttempts, kRequired}};
constexpr Shape kRetry = Structure(kRetryMembers);
constexpr ShapeMember kRemoteDebugMembers[] = {{"EnableRemoteDebug", &kBooleanShape}};
constexpr Shape kRemoteDebug = Structure(kRemoteDebugMembers);
constexpr ShapeMember kInfraCheckMembers[] = {{"EnableInfraCheck", &kBooleanShape}};
constexpr Shape kInfraCheck = Structure(kInfraCheckMembers);
constexpr ShapeMember kSessionChainingMembers[] = {{"EnableSessionTagChaining", &kBooleanShape}};
constexpr Shape kSessionChaining = Structure(kSessionChainingMembers);
constexpr ShapeMember kCreateMembers[] = {{"TrainingJobName", &kJobName, kRequired},
                                          {"HyperParameters", &kHyperParameters},
                                          {"AlgorithmSpecification", &kAlgorithm, kRequired},
                                          {"RoleArn", &kRoleArn, kRequired},
                                          {"InputDataConfig", &kChannels},
                                          {"OutputDataConfig", &kOutput, kRequired},
                                          {"ResourceConfig", &kResources, kRequired},
                                          {"VpcConfig", &kVpc},
                                          {"StoppingCondition", &kStopping},
                                          {"Tags", &kTags},
                                          {"EnableNetworkIsolation", &kBooleanShape},
                                          {"EnableInterContainerTrafficEncryption", &kBooleanShape},
                                          {"EnableManagedSpotTraining", &kBooleanShape},
                                          {"CheckpointConfig", &kCheckpoint},
                                          {"DebugHookConfig", &kDebugHook},
                                          {"DebugRuleConfigurations", &kRules},
                                          {"TensorBoardOutputConfig", &kTensorBoard},
                                          {"ExperimentConfig", &kExperiment},
                                          {"ProfilerConfig", &kProfiler},
                                          {"ProfilerRuleConfigurations", &kRules},
                                          {"Environment", &kEnvironment},
                                          {"RetryStrategy", &kRetry},
                                          {"RemoteDebugConfig", &kRemoteDebug},
                                          {"InfraCheckConfig", &kInfraCheck},
                                          {"SessionChainingConfig", &kSessionChaining}};

// The other operations
constexpr ShapeMember kNameOnlyMembers[] = {{"TrainingJobName", &kJobName, kRequired}};
constexpr Shape kMaxResults = Integer(1, 100);
constexpr Shape kNameContains = Text(0, 63, R"([a-zA-Z0-9\-]+)");
constexpr const char* kStatuses[] = {"InProgress", "Completed", "Failed",
                                     "Stopping",   "Stopped",   "Deleting"};
constexpr Shape kStatus = OneOf(kStatuses);
constexpr const char* kSortKeys[] = {"Name", "CreationTime", "Status"};
constexpr Shape kSortBy = OneOf(kSortKeys);
constexpr const char* kSortOrders[] = {"Ascending", "Descending"};
constexpr Shape kSortOrder = OneOf(kSortOrders);
constexpr const char* kWarmPoolStatuses[] = {"Available", "Terminated", "Reused", "InUse"};
constexpr Shape kWarmPoolStatus = OneOf(kWarmPoolStatuses);
constexpr ShapeMember kListMembers[] = {{"NextToken", &kNextToken},
                                        {"MaxResults", &kMaxResults},
                                        {"CreationTimeAfter", &kTimestampShape},
                                        {"CreationTimeBefore", &kTimestampShape},
                                        {"LastModifiedTimeAfter", &kTimestampShape},
                                        {"LastModifiedTimeBefore", &kTimestampShape},
                                        {"NameContains", &kNameContains},
                                        {"StatusEquals", &kStatus},
                                        {"SortBy", &kSortBy},
                                        {"SortOrder", &kSortOrder},
                                        {"WarmPoolStatusEquals", &kWarmPoolStatus},
                                        {"TrainingPlanArnEquals", &kTrainingPlanArn}};
constexpr ShapeMember kAddTagsMembers[] = {{"ResourceArn", &kResourceArn, kRequired},
                                           {"Tags", &kTags, kRequired}};
constexpr Shape kTagsMaxResults = Integer(50);
constexpr ShapeMember kListTagsMembers[] = {{"ResourceArn", &kResourceArn, kRequired},
                                            {"NextToken", &kNextToken},
                                            {"MaxResults", &kTagsMaxResults}};
constexpr Shape kTagKeys = ListOf(kTagKey, 1, 50);
constexpr ShapeMember kDeleteTagsMembers[] = {{"ResourceArn", &kResourceArn, kRequired},
                                              {"TagKeys", &kTagKeys, kRequired}};

}  // namespace

constexpr Shape kCreateTrainingJob = Structure(kCreateMembers);
constexpr Shape kTrainingJobNameOnly = Structure(kNameOnlyMembers);
constexpr Shape kListTrainingJobs = Structure(kListMembers);
constexpr Shape kAddTags = Structure(kAddTagsMembers);
constexpr Shape kListTags = Structure(kListTagsMembers);
constexpr Shape kDeleteTags = Structure(kDeleteTagsMembers);

}  // namespace leat::awsserver::shapes
