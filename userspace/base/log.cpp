#include "base/log.h"

#include <spdlog/async.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace xd::log {

namespace {

constexpr std::size_t queue_lines = 8192;

std::shared_ptr<spdlog::details::thread_pool> pool;
std::shared_ptr<spdlog::async_logger> logger;

bool detail = false;

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::debug: return spdlog::level::debug;
    case Level::info: return spdlog::level::info;
    case Level::warning: return spdlog::level::warn;
    case Level::error: return spdlog::level::err;
  }
  return spdlog::level::info;
}

}  // namespace

void start(const Options& options) {
  std::vector<spdlog::sink_ptr> sinks;
  if (options.syslog)
    sinks.push_back(std::make_shared<spdlog::sinks::syslog_sink_mt>(options.ident, LOG_PID | LOG_NDELAY, options.facility, false));
  if (options.console) {
    sinks.push_back(std::make_shared<spdlog::sinks::stderr_sink_mt>());
    sinks.back()->set_pattern("%a %b %d %H:%M:%S %Y: " + options.ident + "[%P]: %v");
  }
  if (!options.file.empty()) {
    sinks.push_back(std::make_shared<spdlog::sinks::basic_file_sink_mt>(options.file));
    sinks.back()->set_pattern("%a %b %d %H:%M:%S.%f %Y: %v");
  }
  pool = std::make_shared<spdlog::details::thread_pool>(queue_lines, 1);
  logger = std::make_shared<spdlog::async_logger>(options.ident, sinks.begin(), sinks.end(), pool,
                                                  spdlog::async_overflow_policy::overrun_oldest);
  detail = options.detail;
  logger->set_level(detail ? spdlog::level::debug : spdlog::level::info);
  if (options.flush_file) logger->flush_on(spdlog::level::trace);
}

void stop() {
  if (!logger) return;
  const auto lost = pool->overrun_counter();
  if (lost > 0) logger->warn("{} log lines were dropped because the log was slower than the events", lost);
  logger->flush();
  logger.reset();
  pool.reset();  // joins the writer after it has emptied the queue
}

bool enabled(Level level) { return level != Level::debug || detail; }

void write(Level level, std::string_view line) {
  if (logger) {
    logger->log(to_spdlog(level), line);
  } else {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
  }
}

}  // namespace xd::log
