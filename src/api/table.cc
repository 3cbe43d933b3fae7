#include "api/table.h"

#include "api/table_cells.h"

namespace leat::api {
namespace {

json::Value ColumnDefinition(const PrinterColumn& column) {
  return json::Object({{"description", column.description},
                       {"format", column.format},
                       {"name", column.name},
                       {"priority", column.priority},
                       {"type", column.type}});
}

const std::vector<PrinterColumn>& AgeOnly() {
  static const std::vector<PrinterColumn> columns = [] {
    PrinterColumn age{.name = "Age", .type = "date", .description = "Time since its creation"};
    age.json_path = ".metadata.creationTimestamp";
    if (auto path = json::JsonPath::Compile(age.json_path))
      age.path = std::make_shared<const json::JsonPath>(std::move(*path));
    return std::vector<PrinterColumn>{age};
  }();
  return columns;
}

// The columns after Name of a kind whose cells are found by path.
const std::vector<PrinterColumn>& PathColumns(const TypeVersion& version) {
  return version.columns.empty() ? AgeOnly() : version.columns;
}

json::Value CellAt(const PrinterColumn& column, const json::Value& object, WallTime now) {
  if (!column.path) return {};
  const json::Value* found = column.path->FindFirst(object);
  if (!found || found->IsNull()) return {};
  if (column.type == "date") return AgeSince(*found, now);
  if (column.type == "integer") {
    if (found->IsNumber()) return static_cast<int64_t>(found->AsDouble());
    return {};
  }
  if (column.type == "number") return found->IsNumber() ? *found : json::Value();
  if (column.type == "boolean") return found->IsBool() ? *found : json::Value();
  return found->IsString() ? found->Str() : json::Print(*found);
}

json::ArrayItems Cells(const Type& type, const TypeVersion& version, const json::Value& object,
                       WallTime now) {
  if (!type.custom) {
    json::ArrayItems cells = BuiltinCells(type.group, type.kind, object, now);
    if (!cells.empty()) return cells;
  }
  json::ArrayItems cells = {object["metadata"]["name"]};
  for (const PrinterColumn& column : PathColumns(version))
    cells.push_back(CellAt(column, object, now));
  return cells;
}

json::Value Definitions(const Type& type, const TypeVersion& version) {
  json::Value definitions = json::Array({});
  if (type.custom || version.columns.empty()) {
    definitions.Push(ColumnDefinition(
        {.name = "Name", .type = "string", .format = "name", .description = "Name of the object"}));
    for (const PrinterColumn& column : PathColumns(version))
      definitions.Push(ColumnDefinition(column));
  } else {
    for (const PrinterColumn& column : version.columns) definitions.Push(ColumnDefinition(column));
  }
  return definitions;
}

// kubectl and others watch pods with a selector on this: finished ones are marked as such.
json::Value RowConditions(const Type& type, const json::Value& object) {
  const std::string_view phase = object["status"]["phase"].AsString();
  const bool finished = phase == "Succeeded" || phase == "Failed";
  if (!type.group.empty() || type.kind != "Pod" || !finished) return {};
  return json::Array(
      {json::Object({{"message", phase == "Succeeded" ? "The pod has completed successfully."
                                                      : "The pod failed."},
                     {"reason", phase},
                     {"status", "True"},
                     {"type", "Completed"}})});
}

}  // namespace

json::Value MakeTable(const Type& type, const TypeVersion& version,
                      const std::vector<const json::Value*>& objects,
                      const json::Value& list_metadata, IncludeObject include, WallTime now) {
  json::Value rows = json::Array({});
  for (const json::Value* object : objects) {
    json::Value row = json::Object({{"cells", Cells(type, version, *object, now)}});
    if (json::Value conditions = RowConditions(type, *object); !conditions.IsNull())
      row.Set("conditions", std::move(conditions));
    if (include == IncludeObject::kObject)
      row.Set("object", *object);
    else if (include == IncludeObject::kMetadata)
      row.Set("object", json::Object({{"apiVersion", "meta.k8s.io/v1"},
                                      {"kind", "PartialObjectMetadata"},
                                      {"metadata", (*object)["metadata"]}}));
    rows.Push(std::move(row));
  }
  return json::Object({{"apiVersion", "meta.k8s.io/v1"},
                       {"columnDefinitions", Definitions(type, version)},
                       {"kind", "Table"},
                       {"metadata", list_metadata.IsObject() ? list_metadata : json::Object()},
                       {"rows", std::move(rows)}});
}

}  // namespace leat::api
