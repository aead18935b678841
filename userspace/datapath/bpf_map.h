// BPF maps by their key and value types, so that no caller can pass a wrong size. Each handle owns its descriptor.
#pragma once

#include <bpf/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace xd::datapath {

template <typename Key, typename Value>
class HashMap {
 public:
  HashMap() = default;
  explicit HashMap(Fd fd) : fd_(std::move(fd)) {}
  int fd() const { return fd_.get(); }

  std::optional<Value> get(const Key& key) const {
    Value value;
    if (bpf_map_lookup_elem(fd_.get(), &key, &value) != 0) return std::nullopt;
    return value;
  }
  // 0 or an errno value.
  int put(const Key& key, const Value& value) { return bpf_map_update_elem(fd_.get(), &key, &value, BPF_ANY) == 0 ? 0 : errno; }
  int erase(const Key& key) { return bpf_map_delete_elem(fd_.get(), &key) == 0 ? 0 : errno; }
  std::vector<std::pair<Key, Value>> all() const {
    std::vector<std::pair<Key, Value>> entries;
    Key key, next;
    for (const Key* at = nullptr; bpf_map_get_next_key(fd_.get(), at, &next) == 0; at = &key) {
      key = next;
      if (auto value = get(key)) entries.emplace_back(key, *value);
    }
    return entries;
  }

 private:
  Fd fd_;
};

// An array whose entries are this process's memory as well (BPF_F_MMAPABLE). Entries must be a multiple of 8 bytes.
template <typename Value>
class SharedArray {
  static_assert(sizeof(Value) % 8 == 0);

 public:
  SharedArray() = default;
  static Result<SharedArray> map(Fd fd, std::uint32_t size) {
    SharedArray array;
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    array.bytes_ = (size * sizeof(Value) + page - 1) / page * page;
    void* memory = mmap(nullptr, array.bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    if (memory == MAP_FAILED) return Error::from_errno("map the memory of a BPF array");
    array.entries_ = static_cast<Value*>(memory);
    array.size_ = size;
    array.fd_ = std::move(fd);
    return array;
  }
  SharedArray(SharedArray&& other) noexcept { *this = std::move(other); }
  SharedArray& operator=(SharedArray&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(entries_, other.entries_);
    std::swap(bytes_, other.bytes_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~SharedArray() {
    if (entries_ != nullptr) munmap(entries_, bytes_);
  }
  int fd() const { return fd_.get(); }
  std::uint32_t size() const { return size_; }
  Value& operator[](std::uint32_t index) { return entries_[index]; }
  const Value& operator[](std::uint32_t index) const { return entries_[index]; }

 private:
  Fd fd_;
  Value* entries_ = nullptr;
  std::size_t bytes_ = 0;
  std::uint32_t size_ = 0;
};

// Per-CPU counters: structs of 64-bit fields, added up over the CPUs when read.
template <typename Value>
class PerCpuArray {
 public:
  PerCpuArray() = default;
  PerCpuArray(Fd fd, int cpus) : fd_(std::move(fd)), per_cpu_(static_cast<std::size_t>(cpus)) {}
  int fd() const { return fd_.get(); }
  Value sum(std::uint32_t index) const {
    union {
      Value value;
      std::uint64_t fields[sizeof(Value) / 8];
    } total{}, one;
    if (bpf_map_lookup_elem(fd_.get(), &index, per_cpu_.data()) != 0) return total.value;
    for (const Value& value : per_cpu_) {
      one.value = value;
      for (std::size_t i = 0; i < std::size(total.fields); ++i) total.fields[i] += one.fields[i];
    }
    return total.value;
  }
  void clear(std::uint32_t index) {
    per_cpu_.assign(per_cpu_.size(), Value{});
    bpf_map_update_elem(fd_.get(), &index, per_cpu_.data(), BPF_ANY);
  }

 private:
  Fd fd_;
  mutable std::vector<Value> per_cpu_;
};

}  // namespace xd::datapath
