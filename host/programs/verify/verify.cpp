// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/verify/verify.h"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <utility>

#include "host/base/error.h"
#include "host/base/text_reading.h"
#include "host/datapath/linked_object.h"
#include "host/datapath/user_map.h"
#include "host/programs/compiler/compiler.h"
#include "host/programs/verify/card_lint.h"
#include "host/programs/verify/source_line.h"

namespace nicsentry::programs {
namespace {

std::string path_key(bool egress) { return egress ? "egress-path" : "ingress-path"; }

// How messages call a path: by its file, or by its place in the monitor.
std::string title_of(const PathConfig& config, bool egress) {
  return config.form == PathConfig::Form::code ? path_key(egress) + ".code" : config.file.string();
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    throw SystemError(errno, "opening " + path.string());
  }
  return read_text(file, path);
}

// An object, or the text and how to compile it.
struct Material {
  std::string object;
  std::string text;
  Dialect dialect = Dialect::libbpf;
};

Material read_material(const PathConfig& config) {
  Material material;
  if (config.form == PathConfig::Form::object) {
    material.object = read_file(config.file);
    return material;
  }
  material.text = config.form == PathConfig::Form::code ? config.code : read_file(config.file);
  material.dialect = dialect_of(material.text);
  return material;
}

std::string compile_material(Material& material, const PathConfig& config, const std::string& title,
                             const DialectTarget& target) {
  Compilation compilation = translation_unit({title, material.text}, target);
  if (config.form == PathConfig::Form::source) {
    compilation.source = config.file.parent_path().empty() ? "." : config.file.parent_path();
  }
  try {
    Compiled compiled = compile(compilation);
    material.object = std::move(compiled.object);
    return std::move(compiled.warnings);
  } catch (const SystemError&) {
    throw;
  } catch (const Error& error) {
    throw Error(title + ": " + error.what());
  }
}

ProgramKind choose_kind(const Material& material, const std::optional<ProgramKind>& wanted) {
  if (wanted) {
    return *wanted;
  }
  return UserObject::has(material.object, ProgramKind::xdp) ? ProgramKind::xdp : ProgramKind::tc;
}

CompiledPath build(const PathConfig& config, bool egress, const VerifyOptions& options) {
  const std::string title = title_of(config, egress);
  Material material = read_material(config);
  const bool compiled = material.object.empty();
  const bool polycube = compiled && material.dialect == Dialect::polycube;
  std::optional<ProgramKind> wanted = egress ? ProgramKind::tc : options.ingress;
  if (polycube && !wanted) {
    wanted = ProgramKind::tc;
  }
  std::string warnings;
  if (compiled) {
    warnings = compile_material(material, config, title, {wanted == ProgramKind::xdp, egress, options.log_level});
  }
  const ProgramKind kind = choose_kind(material, wanted);
  return {egress,
          config.name.empty() ? title : config.name,
          kind,
          !compiled  ? "object"
          : polycube ? "polycube"
                     : "libbpf",
          std::move(warnings),
          config.metrics,
          {title, std::move(material.text)},
          std::move(material.object)};
}

// What the card is to have: the user's program, or nicsentry's that calls the user's function.
UserObject open_object(const CompiledPath& path, const CardTarget* card) {
  if (card == nullptr) {
    return {path.object, path.source.name, path.kind};
  }
  const bool alone = card->with.empty();
  UserObject object(alone ? path.object : link_on_packet(path.object, path.source.name, card->with), path.source.name,
                    path.kind);
  if (!alone) {
    object.set_own_maps(UserObject::map_names(path.object, path.source.name));
  }
  object.bind(card->port);
  return object;
}

VerifiedPath opened(CompiledPath path, const CardTarget* card) {
  UserObject object = open_object(path, card);
  for (const std::string& map : object.unpinned_maps()) {
    path.warnings += path.source.name + ": warning: map " + map +
                     " is not pinned by its name for other objects (LIBBPF_PIN_BY_NAME): it stands where the other "
                     "maps of a loaded program do\n";
  }
  return {path.egress,
          std::move(path.name),
          path.kind,
          std::move(path.dialect),
          std::move(path.warnings),
          std::move(path.metrics),
          std::move(path.source),
          std::move(object),
          std::nullopt,
          {},
          card != nullptr ? card->with : ""};
}

const UserMap* find_map(const std::vector<UserMap>& maps, const std::string& name) {
  const auto found = std::find_if(maps.begin(), maps.end(), [&name](const UserMap& map) { return map.name == name; });
  return found != maps.end() ? &*found : nullptr;
}

std::string names_of(const std::vector<UserMap>& maps) {
  std::string names;
  for (const UserMap& map : maps) {
    names += (names.empty() ? "" : ", ") + map.name;
  }
  return names.empty() ? "none, as it has no map" : names;
}

void check_metrics(const VerifiedPath& path) {
  const std::vector<UserMap> maps = path.object.maps();
  for (std::size_t i = 0; i < path.metrics.size(); ++i) {
    const UserMap* map = find_map(maps, path.metrics[i].map);
    const std::string key = path_key(path.egress) + ".metric-configs[" + std::to_string(i) + "].map-name: read \"" +
                            path.metrics[i].map + "\", ";
    if (map == nullptr) {
      throw Error(key + "allowed is a map of the program: " + names_of(maps));
    }
    if (!can_read_map(map->type)) {
      throw Error(key + "which is a map of kind " + map->kind + ", and no metric can be read from it");
    }
  }
}

std::string shape_of(const UserMap& map) {
  return "keys of " + std::to_string(map.key_bytes) + " and values of " + std::to_string(map.value_bytes) + " bytes";
}

// Puts the ingress path's maps in place of the extern ones.
void join_maps(VerifiedPath& path, const VerifiedPath* ingress, const CardTarget* card) {
  for (const UserMap& map : path.object.maps()) {
    if (!map.is_extern) {
      continue;
    }
    const std::string what = path.name + ": the map " + map.name + " is extern";
    if (ingress == nullptr) {
      throw Error(what + (path.egress ? ", and the ingress path, which would have it, is not loaded"
                                      : ", which only the egress path's can be: the ingress path is loaded first"));
    }
    if (card != nullptr) {
      throw Error(what + ", and the ingress path's is on the card, where no program of the host can use it");
    }
    const std::vector<UserMap> there = ingress->object.maps();
    const UserMap* other = find_map(there, map.name);
    if (other == nullptr) {
      throw Error(what + ", and the ingress path has none of this name; it has: " + names_of(there));
    }
    if (other->key_bytes != map.key_bytes || other->value_bytes != map.value_bytes) {
      throw Error(what + " with " + shape_of(map) + "; the ingress path's has " + shape_of(*other));
    }
    path.object.use_map(map.name, ingress->object.map_fd(map.name));
  }
}

std::uint64_t epoch_offset_ns() {
  timespec wall{};
  timespec monotonic{};
  clock_gettime(CLOCK_REALTIME, &wall);
  clock_gettime(CLOCK_MONOTONIC, &monotonic);
  const auto nanoseconds = [](const timespec& time) {
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
  };
  return nanoseconds(wall) - nanoseconds(monotonic);
}

// `figures`: what is said beside a refusal.
void load_object(const VerifiedPath& path, UserObject& object, const std::string& figures) {
  object.set_constant("nicsentry_epoch_ns", epoch_offset_ns());
  try {
    object.load();
  } catch (const VerifierRefusal& refusal) {
    std::string place;
    try {
      place = refusal.instruction() ? source_line(object, path.source, *refusal.instruction()) : "";
    } catch (const Error&) {  // NOLINT(bugprone-empty-catch): the object's lines cannot be read; the log is told
    }
    throw VerifierRefusal((place.empty() ? "" : place + "\n  " + refusal.reason() + "\n") + refusal.what() + figures,
                          refusal.reason(), refusal.instruction());
  }
}

bool has_name(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// The maps that are swapped: those that a metric says, and in both paths those that they share.
void choose_swapped(std::vector<VerifiedPath>& paths) {
  std::vector<std::string> shared;
  for (VerifiedPath& path : paths) {
    for (const UserMap& map : path.object.maps()) {
      const bool swapped = std::any_of(path.metrics.begin(), path.metrics.end(), [&map](const MetricConfig& metric) {
        return metric.map == map.name && metric.swap_on_read;
      });
      if (swapped) {
        path.swapped.push_back(map.name);
        if (map.is_extern) {
          shared.push_back(map.name);
        }
      }
    }
  }
  for (VerifiedPath& path : paths) {
    for (const UserMap& map : path.object.maps()) {
      const bool other_side =
          path.egress ? map.is_extern && has_name(paths.front().swapped, map.name) : has_name(shared, map.name);
      if (other_side && !has_name(path.swapped, map.name)) {
        path.swapped.push_back(map.name);
      }
    }
  }
}

// The second copy of a path's program. One whose path shares swapped maps with the ingress path has that one's.
void load_other(VerifiedPath& path, const VerifiedPath* ingress, const CardTarget* card, const std::string& figures) {
  if (path.swapped.empty()) {
    return;
  }
  path.other.emplace(path.object.bytes(), path.source.name, path.kind);
  if (card != nullptr) {
    path.other->bind(card->port);
  }
  path.other->share(path.object, path.swapped);
  for (const UserMap& map : path.object.maps()) {
    if (map.is_extern && has_name(path.swapped, map.name)) {
      path.other->use_map(map.name, ingress->other->map_fd(map.name));
    }
  }
  load_object(path, *path.other, figures);
}

// The other copy would be another program of nicsentry's to the run that counts with it.
void refuse_swap(const VerifiedPath& path) {
  if (!path.with.empty() && !path.swapped.empty()) {
    throw Error(path.source.name + ": swap-on-read of map " + path.swapped.front() + ": not with '" + path.with +
                "', which has sessions of its own; empty-on-read loses nothing on a card either");
  }
}

}  // namespace

std::vector<CompiledPath> compile_paths(const Monitor& monitor, const VerifyOptions& options) {
  std::vector<CompiledPath> paths;
  if (monitor.ingress && options.direction != Direction::egress) {
    paths.push_back(build(*monitor.ingress, false, options));
  }
  if (monitor.egress && options.direction != Direction::ingress) {
    paths.push_back(build(*monitor.egress, true, options));
  }
  if (paths.empty()) {
    throw Error("it has no program for this direction: read nothing at " +
                path_key(options.direction == Direction::egress));
  }
  return paths;
}

std::vector<VerifiedPath> verify(std::vector<CompiledPath> compiled, const std::optional<CardTarget>& card) {
  std::vector<VerifiedPath> paths;
  paths.reserve(compiled.size());
  const auto target_of = [&card](bool egress) { return card && !egress ? &*card : nullptr; };
  for (CompiledPath& path : compiled) {
    const CardTarget* target = target_of(path.egress);
    paths.push_back(opened(std::move(path), target));
  }
  choose_swapped(paths);
  for (VerifiedPath& path : paths) {
    const VerifiedPath* ingress = path.egress && !paths.front().egress ? &paths.front() : nullptr;
    check_metrics(path);
    refuse_swap(path);
    join_maps(path, ingress, ingress != nullptr ? target_of(false) : nullptr);
    const CardTarget* target = target_of(path.egress);
    const std::string figures = target != nullptr ? ask_lint(path.object, path.source, *target) : "";
    load_object(path, path.object, figures);
    load_other(path, ingress, target, figures);
  }
  return paths;
}

std::vector<VerifiedPath> verify(const Monitor& monitor, const VerifyOptions& options) {
  return verify(compile_paths(monitor, options));
}

}  // namespace nicsentry::programs
