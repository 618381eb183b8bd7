// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/json/problem_json.h"

namespace nicsentry {

nlohmann::ordered_json encode(const Problem& problem) {
  nlohmann::ordered_json object{
      {"type", problem.type}, {"title", problem.title}, {"status", problem.status}, {"detail", problem.detail}};
  if (!problem.errors.empty()) {
    object["errors"] = problem.errors;
  }
  return object;
}

template <>
Problem decode(const nlohmann::json& answer) {
  Fields fields(answer, Origin::answer);
  Problem problem;
  problem.type = fields.find<std::string>("type", "a URI").value_or(problem.type);
  problem.title = fields.find<std::string>("title", json_fields::kText).value_or("");
  problem.status = fields.get<unsigned>("status", "a status");
  problem.detail = fields.get<std::string>("detail", json_fields::kText);
  problem.errors = fields.find<std::vector<std::string>>("errors", "a list of texts").value_or(problem.errors);
  return problem;
}

}  // namespace nicsentry
