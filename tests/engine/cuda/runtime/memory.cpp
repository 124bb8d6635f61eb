// Device memory is host memory that nothing writes but copies, so it costs nothing until then.
#include "state.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <map>

using namespace null;

static std::map<uintptr_t, size_t> on_device, pinned;  // beginnings and lengths
static size_t total = size_t(80) << 30, used = 0;
static int value_read = 1;

size_t null::total_bytes() { return total; }
size_t null::free_bytes() { return total > used ? total - used : 0; }

static bool holds(const std::map<uintptr_t, size_t>& ranges, const void* pointer) {
  std::lock_guard<std::mutex> guard(null::mutex);
  auto after = ranges.upper_bound((uintptr_t)pointer);
  if (after == ranges.begin()) return false;
  const auto& [begin, length] = *std::prev(after);
  return (uintptr_t)pointer < begin + length;
}

static cudaError_t allocate(void** pointer, size_t length) {
  count("cudaMalloc");
  std::lock_guard<std::mutex> guard(null::mutex);
  length = length ? length : 1;
  *pointer = nullptr;
  if (used + length > total) return fail(cudaErrorMemoryAllocation);
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  void* found = mmap(nullptr, length, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (found == MAP_FAILED) return fail(cudaErrorMemoryAllocation);
  on_device[(uintptr_t)found] = length;
  used += length;
  *pointer = found;
  return cudaSuccess;
}

static const char* place(const void* pointer) {
  return holds(on_device, pointer) ? "device" : holds(pinned, pointer) ? "pinned" : "pageable";
}

static cudaError_t copy(void* to, const void* from, size_t length) {
  const std::string event = std::string("copy ") + place(from) + " to " + place(to);
  // A copy from pageable memory is not in order with the stream, so a graph cannot hold it.
  if (is_capturing() && event.find("pageable") != event.npos) {
    return refuse_in_capture(event.c_str());
  }
  count(event);
  if (holds(on_device, from) && !holds(on_device, to)) {
    std::memset(to, value_read, length);  // no kernel has computed a value
  } else {
    std::memcpy(to, from, length);
  }
  return cudaSuccess;
}

extern "C" {

// Set by the tests: the bytes of the device, and the byte of which all values consist that are
// read from it. With 1 every flag is true, with 0 every status is a success.
void null_set_total(size_t bytes) { total = bytes; }
void null_set_value_read(int byte) { value_read = byte; }

cudaError_t cudaMemGetInfo(size_t* free, size_t* all) {
  *free = free_bytes();
  *all = total;
  return cudaSuccess;
}

cudaError_t cudaMalloc(void** pointer, size_t length) {
  if (is_capture_global()) return refuse_in_capture("cudaMalloc");
  return allocate(pointer, length);
}

cudaError_t cudaMallocAsync(void** pointer, size_t length, cudaStream_t) {
  return allocate(pointer, length);
}

cudaError_t cudaMallocManaged(void** pointer, size_t length, unsigned) {
  return allocate(pointer, length);
}

cudaError_t cudaFree(void* pointer) {
  if (!pointer) return cudaSuccess;
  std::lock_guard<std::mutex> guard(null::mutex);
  auto found = on_device.find((uintptr_t)pointer);
  if (found == on_device.end()) return fail(cudaErrorInvalidValue);
  munmap(pointer, found->second);
  used -= found->second;
  on_device.erase(found);
  return cudaSuccess;
}

cudaError_t cudaFreeAsync(void* pointer, cudaStream_t) { return cudaFree(pointer); }

cudaError_t cudaHostAlloc(void** pointer, size_t length, unsigned) {
  if (is_capture_global()) return refuse_in_capture("cudaHostAlloc");
  *pointer = std::malloc(length ? length : 1);
  std::lock_guard<std::mutex> guard(null::mutex);
  pinned[(uintptr_t)*pointer] = length ? length : 1;
  return cudaSuccess;
}

cudaError_t cudaMallocHost(void** pointer, size_t length) {
  return cudaHostAlloc(pointer, length, 0);
}

cudaError_t cudaFreeHost(void* pointer) {
  std::lock_guard<std::mutex> guard(null::mutex);
  pinned.erase((uintptr_t)pointer);
  std::free(pointer);
  return cudaSuccess;
}

cudaError_t cudaHostRegister(void*, size_t, unsigned) { return cudaSuccess; }
cudaError_t cudaHostUnregister(void*) { return cudaSuccess; }

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* pointer) {
  std::memset(attributes, 0, sizeof *attributes);
  attributes->type = holds(on_device, pointer) ? cudaMemoryTypeDevice
                     : holds(pinned, pointer)  ? cudaMemoryTypeHost
                                               : cudaMemoryTypeUnregistered;
  if (attributes->type != cudaMemoryTypeUnregistered) attributes->devicePointer = (void*)pointer;
  if (attributes->type == cudaMemoryTypeHost) attributes->hostPointer = (void*)pointer;
  return cudaSuccess;
}

cudaError_t cudaMemcpy(void* to, const void* from, size_t length, cudaMemcpyKind) {
  if (is_capturing()) return refuse_in_capture("cudaMemcpy");
  count("synchronization cudaMemcpy");
  return copy(to, from, length);
}

cudaError_t cudaMemcpyAsync(
    void* to, const void* from, size_t length, cudaMemcpyKind, cudaStream_t) {
  return copy(to, from, length);
}

cudaError_t cudaMemcpyPeerAsync(
    void* to, int, const void* from, int, size_t length, cudaStream_t) {
  return copy(to, from, length);
}

cudaError_t cudaMemcpy2DAsync(
    void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width, size_t height,
    cudaMemcpyKind, cudaStream_t) {
  for (size_t row = 0; row < height; row++) {
    copy((char*)to + row * to_pitch, (const char*)from + row * from_pitch, width);
  }
  return cudaSuccess;
}

cudaError_t cudaMemcpyToSymbol(const void*, const void*, size_t, size_t, cudaMemcpyKind) {
  count("synchronization cudaMemcpyToSymbol");
  return cudaSuccess;
}

cudaError_t cudaMemset(void*, int, size_t) { return count("memset"), cudaSuccess; }

cudaError_t cudaMemsetAsync(void*, int, size_t, cudaStream_t) {
  return count(is_capturing() ? "captured memset" : "memset"), cudaSuccess;
}

}  // extern "C"
