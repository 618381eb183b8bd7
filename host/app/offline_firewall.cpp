// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/app/offline_firewall.h"

#include <fstream>

#include "host/api/endpoints/explain.h"
#include "host/base/error.h"
#include "host/datapath/object_file.h"
#include "host/datapath/program.h"
#include "host/enforce/firewall.h"
#include "host/rules/language/address_list.h"
#include "host/rules/language/batch.h"
#include "host/rules/language/ruleset.h"
#include "host/sessions/session_table.h"

namespace nicsentry {
namespace {

constexpr std::uint32_t kSessions = 64;  // none is ever entered

Hook hook_of(Chain chain) { return chain == Chain::egress ? Hook::tc_egress : Hook::xdp; }
Mode mode_of(Chain chain) { return chain == Chain::egress ? Mode::tc : Mode::drv; }

Program load_program(Chain chain, const FirewallSize& size) {
  return Program::load({.object = find_object(kSentry, target_of(mode_of(chain))),
                        .mode = mode_of(chain),
                        .size = {kSessions, bucket_bits_for(kSessions)},
                        .firewall = size,
                        .for_questions = true});
}

std::vector<SetEntry> read_set(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    throw SystemError(errno, "opening " + path);
  }
  std::vector<SetEntry> entries;
  const AddressList list = read_address_list(file, path);
  require_no_wrong_line(list, path);
  entries.reserve(list.entries.size());
  for (const ListEntry& entry : list.entries) {
    entries.push_back({entry.range, std::nullopt});
  }
  return entries;
}

}  // namespace

struct OfflineFirewall::Loaded {
  FirewallSize size;
  Chain chain;
  Firewall firewall;
  Program program;
  PacketExplainer explainer;

  explicit Loaded(const Options& options)
      : chain(options.chain),
        firewall({size, std::nullopt, options.warning}),
        program(load_program(options.chain, size)),
        explainer(firewall, program, hook_of(options.chain)) {}
};

OfflineFirewall::OfflineFirewall(const Options& options) : loaded_(std::make_unique<Loaded>(options)) {
  Firewall& firewall = loaded_->firewall;
  for (const std::string& set : options.sets) {
    const std::size_t equals = set.find('=');
    if (equals == std::string::npos) {
      throw Error("--set: read " + set + ", allowed is NAME=FILE");
    }
    firewall.replace_set(set.substr(0, equals), read_set(set.substr(equals + 1)));
  }
  if (is_ruleset(options.rules)) {
    firewall.load(parse_ruleset(options.rules, options.chain, firewall.now()));
  } else {
    firewall.replace_rules(options.chain, parse_batch(options.rules, firewall.now()));
  }
  if (options.default_drop) {
    firewall.set_default(options.chain, RuleAction::drop);
  }
  firewall.add_attachment(loaded_->program.shared_firewall(), options.chain);
}

OfflineFirewall::~OfflineFirewall() = default;

ExplainAnswer OfflineFirewall::explain(const ExplainRequest& request) const {
  return loaded_->explainer.explain(
      loaded_->firewall,
      {"rules of files, on no port", loaded_->program.id(), hook_of(loaded_->chain), mode_of(loaded_->chain)}, request);
}

}  // namespace nicsentry
