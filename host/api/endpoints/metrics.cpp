// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/endpoints/metrics.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "host/api/json/resources.h"
#include "host/base/error.h"
#include "host/base/number_text.h"
#include "host/datapath/interface.h"
#include "host/datapath/user_pins.h"
#include "host/metrics/metrics_text.h"
#include "host/programs/loaded/loaded.h"
#include "host/programs/reading/open_metrics.h"

namespace nicsentry {
namespace {

using namespace std::chrono_literals;

// Scrapes by several readers at once cost one reading of the card's counters.
constexpr auto kCountersAge = 500ms;

Amount amount_of(const rule_counter& counter) { return {counter.packets, counter.bytes}; }

ChainFigures chain_figures(const Enforcement::ChainView& view) {
  ChainFigures figures;
  figures.rules.reserve(view.counts.size());
  for (std::size_t i = 0; i < view.chain.rules.size(); ++i) {
    figures.rules.push_back(amount_of(view.counts[i]));
  }
  figures.default_drop = view.chain.default_action == RuleAction::drop;
  figures.dropped = amount_of(view.dropped);
  figures.by_default = amount_of(view.by_default);
  figures.established = amount_of(view.established);
  figures.blocked = amount_of(view.blocked);
  figures.non_ip = amount_of(view.non_ip);
  // Packets of the other causes are judged, or passed.
  for (const not_understood cause : {CAUSE_VLAN_DEPTH, CAUSE_TRUNCATED, CAUSE_MALFORMED, CAUSE_EXTENSIONS}) {
    figures.unjudged[cause_name(cause)] = amount_of(view.unjudged.at(cause));
  }
  return figures;
}

std::size_t number_asked(const Request& request, const std::string& name) {
  const auto found = request.query.find(name);
  if (found == request.query.end()) {
    return 0;
  }
  const auto number = parse_number<std::size_t>(found->second);
  if (!number || *number > kMostSelected) {
    throw BadRequest(name + ": read '" + found->second + "', allowed is 0 to " + std::to_string(kMostSelected));
  }
  return *number;
}

MetricsSelection selection_asked(const Request& request) {
  for (const auto& [name, value] : request.query) {
    if (name != "rules" && name != "sets") {
      throw BadRequest("read the parameter '" + name + "', allowed are rules and sets");
    }
  }
  return {number_asked(request, "rules"), number_asked(request, "sets")};
}

// Whether `act` could read its part.
template <typename Act>
bool could(Act act) {
  try {
    act();
    return true;
  } catch (const Error&) {
    return false;
  }
}

// The programs of users on these ports that export metrics. False where one could not be read.
bool write_programs(Exposition& exposition, const std::vector<std::string>& ports) {
  if (!UserPins::any()) {
    return true;
  }
  bool all = true;
  const bool listed = could([&] {
    for (const programs::LoadedMonitor& monitor : programs::list_monitors()) {
      if (monitor.here && std::find(ports.begin(), ports.end(), monitor.interface) != ports.end()) {
        all = could([&] { programs::write_open_metrics(exposition, monitor.name, {}); }) && all;
      }
    }
  });
  return listed && all;
}

RunFigures figures_of_run(const RunFirewall& run, const RunMetrics& metrics, const MetricsSelection& selection) {
  RunFigures figures;
  figures.began = std::chrono::steady_clock::now();
  figures.build = metrics.build;
  figures.selection = selection;
  figures.windows = metrics.windows();
  figures.parts["run"] = could([&] { figures.live = metrics.live(); });
  if (run.firewall != nullptr) {
    figures.parts["firewall"] = could([&] { figures.firewall = firewall_figures(run, kCountersAge); });
  }
  const std::vector<std::string> names = metrics.ports();
  figures.parts["ports"] = could([&] {
    for (const std::string& name : names) {
      figures.ports.push_back({name, link_state(name) == LinkState::up});
    }
  });
  return figures;
}

}  // namespace

FirewallFigures firewall_figures(const RunFirewall& run, std::chrono::nanoseconds max_age) {
  const Firewall& firewall = run.required();
  FirewallFigures figures;
  for (const Chain chain : {Chain::ingress, Chain::egress}) {
    figures.chains.at(static_cast<std::size_t>(chain)) = chain_figures(firewall.view(chain, max_age));
  }
  for (const auto& set : firewall.sets()) {
    figures.sets.push_back({set.name, set.entries});
    figures.blocked += set.name == kBlockedSet ? set.entries : 0;
  }
  for (const auto& place : run.places()) {
    const std::size_t slash = std::min(place.attachment.rfind('/'), place.attachment.size());
    const std::string hook = slash < place.attachment.size() ? place.attachment.substr(slash + 1) : "";
    figures.places.push_back({place.attachment.substr(0, slash), hook, place.chain, place.failing.empty()});
  }
  figures.unconfirmed = firewall.unconfirmed().has_value();
  figures.unsaved = firewall.unsaved().has_value();
  return figures;
}

void add_metrics_routes(Router& router, const RunFirewall& run, RunMetrics metrics) {
  router.add_raw("GET", resource::kMetrics, Lane::scrape, [run, metrics = std::move(metrics)](const Request& request) {
    RunFigures figures = figures_of_run(run, metrics, selection_asked(request));
    figures.programs = [&figures, &metrics](Exposition& exposition) {
      figures.parts["programs"] = write_programs(exposition, metrics.ports());
    };
    const TextFormat format = choose_text_format(request.accept);
    Response response;
    response.content_type = media_type(format);
    response.body = metrics_text(figures, format);
    return response;
  });
}

}  // namespace nicsentry
