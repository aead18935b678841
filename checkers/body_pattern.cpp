#include "checkers/body_pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/core.h>
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <utility>

namespace xd::checkers {

namespace {

struct Release {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
  void operator()(pcre2_compile_context* context) const { pcre2_compile_context_free(context); }
  void operator()(pcre2_jit_stack* stack) const { pcre2_jit_stack_free(stack); }
};
template <typename T>
using Owned = std::unique_ptr<T, Release>;

// The names that keepalived.conf has for them.
constexpr std::array<std::pair<std::string_view, std::uint32_t>, 24> options{{
    {"allow_empty_class", PCRE2_ALLOW_EMPTY_CLASS},
    {"alt_bsux", PCRE2_ALT_BSUX},
    {"alt_circumflex", PCRE2_ALT_CIRCUMFLEX},
    {"alt_verbnames", PCRE2_ALT_VERBNAMES},
    {"auto_callout", PCRE2_AUTO_CALLOUT},
    {"caseless", PCRE2_CASELESS},
    {"dollar_endonly", PCRE2_DOLLAR_ENDONLY},
    {"dotall", PCRE2_DOTALL},
    {"dupnames", PCRE2_DUPNAMES},
    {"extended", PCRE2_EXTENDED},
    {"firstline", PCRE2_FIRSTLINE},
    {"match_unset_backref", PCRE2_MATCH_UNSET_BACKREF},
    {"multiline", PCRE2_MULTILINE},
    {"never_backslash_c", PCRE2_NEVER_BACKSLASH_C},
    {"never_ucp", PCRE2_NEVER_UCP},
    {"never_utf", PCRE2_NEVER_UTF},
    {"no_auto_capture", PCRE2_NO_AUTO_CAPTURE},
    {"no_auto_possess", PCRE2_NO_AUTO_POSSESS},
    {"no_dotstar_anchor", PCRE2_NO_DOTSTAR_ANCHOR},
    {"no_start_optimize", PCRE2_NO_START_OPTIMIZE},
    {"ucp", PCRE2_UCP},
    {"ungreedy", PCRE2_UNGREEDY},
    {"use_offset_limit", PCRE2_USE_OFFSET_LIMIT},
    {"utf", PCRE2_UTF},
}};

std::string message_of(int code) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(code, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

}  // namespace

struct BodyPattern::Impl {
  const conf::HttpRegex* config = nullptr;
  Owned<pcre2_code> code;
  Owned<pcre2_match_data> match;
  Owned<pcre2_jit_stack> stack;
  Owned<pcre2_match_context> context;
};

BodyPattern::BodyPattern(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
BodyPattern::BodyPattern(BodyPattern&&) noexcept = default;
BodyPattern::~BodyPattern() = default;

Result<BodyPattern> BodyPattern::compile(const conf::HttpRegex& config) {
  std::uint32_t flags = config.maximum_offset ? PCRE2_USE_OFFSET_LIMIT : 0;
  for (const auto& name : config.options) {
    const auto* option = std::find_if(options.begin(), options.end(), [&](const auto& known) { return known.first == name; });
    if (option != options.end()) flags |= option->second;
  }
  auto impl = std::make_unique<Impl>();
  impl->config = &config;
  int code = 0;
  PCRE2_SIZE offset = 0;
  impl->code.reset(
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(config.pattern.data()), config.pattern.size(), flags, &code, &offset, nullptr));
  if (!impl->code) return Error{fmt::format("regex '{}': {} at character {}", config.pattern, message_of(code), offset)};
  pcre2_jit_compile(impl->code.get(), PCRE2_JIT_COMPLETE);  // where it can; else the interpreter serves
  impl->match.reset(pcre2_match_data_create_from_pattern(impl->code.get(), nullptr));
  impl->context.reset(pcre2_match_context_create(nullptr));
  if (config.stack_maximum > 0) {
    impl->stack.reset(pcre2_jit_stack_create(config.stack_start, config.stack_maximum, nullptr));
    pcre2_jit_stack_assign(impl->context.get(), nullptr, impl->stack.get());
  }
  if (config.maximum_offset) pcre2_set_offset_limit(impl->context.get(), *config.maximum_offset);
  return BodyPattern(std::move(impl));
}

std::string BodyPattern::objection(std::string_view body) const {
  const auto& config = *impl_->config;
  const int found = config.minimum_offset > body.size()
                        ? PCRE2_ERROR_NOMATCH
                        : pcre2_match(impl_->code.get(), reinterpret_cast<PCRE2_SPTR>(body.data()), body.size(), config.minimum_offset, 0,
                                      impl_->match.get(), impl_->context.get());
  if (found < 0 && found != PCRE2_ERROR_NOMATCH) return fmt::format("regex '{}': {}", config.pattern, message_of(found));
  if (found >= 0 && config.must_not_match) return fmt::format("the body matches '{}'", config.pattern);
  if (found < 0 && !config.must_not_match) return fmt::format("the body does not match '{}'", config.pattern);
  return {};
}

}  // namespace xd::checkers
