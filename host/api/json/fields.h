// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace nicsentry {

// Each type of the API has one codec, used by server, client and command line: encode(), an overload a type, and
// decode<Type>(), a specialization a type. Decoding throws BadRequest for a request and Error for an answer; the text
// names the field, what was read and what is allowed.
template <typename Value>
Value decode(const nlohmann::json& json);

// A request with a field that is not known is refused. In an answer such a field is ignored: a later version added it.
enum class Origin { request, answer };

namespace json_fields {

// Names of what is allowed, in an answer's errors.
inline constexpr const char* kNumber = "a number";
inline constexpr const char* kText = "a text";
inline constexpr const char* kBool = "true or false";

template <typename Type>
struct IsList : std::false_type {};
template <typename Element>
struct IsList<std::vector<Element>> : std::true_type {};

// The value as a `Value`, without any conversion; nothing where it is of another type or out of range.
template <typename Value>
std::optional<Value> exact(const nlohmann::json& json) {
  if constexpr (std::is_same_v<Value, bool>) {
    return json.is_boolean() ? std::optional(json.get<bool>()) : std::nullopt;
  } else if constexpr (std::is_same_v<Value, std::string>) {
    return json.is_string() ? std::optional(json.get<std::string>()) : std::nullopt;
  } else if constexpr (std::is_floating_point_v<Value>) {
    return json.is_number() ? std::optional(json.get<Value>()) : std::nullopt;
  } else if constexpr (std::is_unsigned_v<Value>) {
    // The parser makes an unsigned number of everything that is not negative; code may have made a signed one.
    if (!json.is_number_integer() || (!json.is_number_unsigned() && json.get<std::int64_t>() < 0)) {
      return std::nullopt;
    }
    const auto number = json.get<std::uint64_t>();
    return number <= std::numeric_limits<Value>::max() ? std::optional(static_cast<Value>(number)) : std::nullopt;
  } else {
    static_assert(IsList<Value>::value, "no reading of this type");
    if (!json.is_array()) {
      return std::nullopt;
    }
    Value list;
    list.reserve(json.size());
    for (const nlohmann::json& element : json) {
      auto read = exact<typename Value::value_type>(element);
      if (!read) {
        return std::nullopt;
      }
      list.push_back(std::move(*read));
    }
    return list;
  }
}

}  // namespace json_fields

// The fields of one JSON object, read one by one. The object must outlive it.
class Fields {
 public:
  // `what` names the object where it is part of another: "packets, number 3". Throws where `object` is none.
  Fields(const nlohmann::json& object, Origin origin, std::string what = {});

  // Throws where the field is missing or is no `Value`.
  template <typename Value>
  Value get(const char* name, const std::string& allowed) {
    auto value = json_fields::exact<Value>(at(name, allowed));
    if (!value) {
      fail(name, allowed);
    }
    return std::move(*value);
  }

  // Nothing where the field is missing. Throws where it is no `Value`.
  template <typename Value>
  std::optional<Value> find(const char* name, const std::string& allowed) {
    return has(name) ? std::optional(get<Value>(name, allowed)) : std::nullopt;
  }

  bool has(const char* name);
  // A field as it stands. Throws where it is missing.
  const nlohmann::json& at(const char* name, const std::string& allowed);
  // Throws where the field is no list, or no object.
  const nlohmann::json& list(const char* name, const std::string& allowed = "a list");
  Fields object(const char* name);
  // Element `index` of a list.
  Fields element(const char* name, const nlohmann::json& list, std::size_t index) const;

  // Throws BadRequest where a request has a field of which none of the functions above was asked.
  void finish() const;

  // Throws: the field's value is not allowed.
  [[noreturn]] void fail(const char* name, const std::string& allowed) const;

 private:
  void note(const char* name);
  [[noreturn]] void refuse(const std::string& text) const;

  const nlohmann::json& json_;
  Origin origin_;
  std::string what_;
  std::vector<std::string> known_;
};

// An object without fields: the answer to a request that returns nothing, the body of one that takes nothing.
struct Nothing {};
inline nlohmann::ordered_json encode(const Nothing& /*nothing*/) { return nlohmann::ordered_json::object(); }
template <>
Nothing decode(const nlohmann::json& answer);
// Throws BadRequest where a request that takes nothing has a field.
void refuse_fields(const nlohmann::json& request);

// As `--json` prints it: keys in alphabetical order. Bytes that are no UTF-8 are replaced.
std::string printed_json(const nlohmann::ordered_json& document, int indent = -1);

}  // namespace nicsentry
