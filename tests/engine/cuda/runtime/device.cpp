// One device with the figures of an H100, the counters, and the last error.
#include "state.h"

#include <cstdio>
#include <cstring>
#include <map>

namespace null {

std::mutex mutex;
static std::map<std::string, long> events;
static thread_local cudaError_t last_error = cudaSuccess;

void count(const std::string& event) {
  std::lock_guard<std::mutex> guard(mutex);
  events[event]++;
}

cudaError_t fail(cudaError_t error) { return last_error = error; }

}  // namespace null

using namespace null;

extern "C" {

// Read by the tests: lines of a number, a tab, and the event.
const char* null_events() {
  static std::string text;
  std::lock_guard<std::mutex> guard(null::mutex);
  text.clear();
  for (const auto& [event, number] : events) text += std::to_string(number) + "\t" + event + "\n";
  return text.c_str();
}

void null_reset_events() {
  std::lock_guard<std::mutex> guard(null::mutex);
  events.clear();
}

cudaError_t cudaGetDeviceCount(int* count) { return *count = 1, cudaSuccess; }
cudaError_t cudaGetDevice(int* device) { return *device = 0, cudaSuccess; }
cudaError_t cudaSetDevice(int) { return cudaSuccess; }
cudaError_t cudaDriverGetVersion(int* version) { return *version = CUDART_VERSION, cudaSuccess; }
cudaError_t cudaRuntimeGetVersion(int* version) { return *version = CUDART_VERSION, cudaSuccess; }

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  cudaDeviceProp& it = *properties;
  std::memset(&it, 0, sizeof it);
  std::strcpy(it.name, "null H100");
  it.major = 9;
  it.totalGlobalMem = total_bytes();
  it.totalConstMem = 65536;
  it.sharedMemPerBlock = 49152;
  it.sharedMemPerBlockOptin = 232448;
  it.sharedMemPerMultiprocessor = 233472;
  it.regsPerBlock = it.regsPerMultiprocessor = 65536;
  it.l2CacheSize = 50 << 20;
  it.warpSize = 32;
  it.multiProcessorCount = 132;
  it.maxBlocksPerMultiProcessor = 32;
  it.maxThreadsPerMultiProcessor = 2048;
  it.maxThreadsPerBlock = it.maxThreadsDim[0] = it.maxThreadsDim[1] = 1024;
  it.maxThreadsDim[2] = 64;
  it.maxGridSize[0] = it.memPitch = 2147483647;
  it.maxGridSize[1] = it.maxGridSize[2] = 65535;
  it.textureAlignment = 512;
  it.asyncEngineCount = 3;
  it.canMapHostMemory = it.concurrentKernels = it.managedMemory = it.unifiedAddressing = 1;
  it.streamPrioritiesSupported = it.cooperativeLaunch = 1;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  cudaDeviceProp properties;
  cudaGetDeviceProperties(&properties, 0);
  switch (attribute) {
    case cudaDevAttrMultiProcessorCount: *value = properties.multiProcessorCount; break;
    case cudaDevAttrComputeCapabilityMajor: *value = properties.major; break;
    case cudaDevAttrComputeCapabilityMinor: *value = properties.minor; break;
    case cudaDevAttrMaxSharedMemoryPerBlock: *value = properties.sharedMemPerBlock; break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = properties.sharedMemPerBlockOptin; break;
    case cudaDevAttrMaxThreadsPerBlock: *value = properties.maxThreadsPerBlock; break;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      *value = properties.maxThreadsPerMultiProcessor;
      break;
    case cudaDevAttrMaxRegistersPerMultiprocessor: *value = properties.regsPerMultiprocessor; break;
    case cudaDevAttrMaxGridDimX: *value = properties.maxGridSize[0]; break;
    case cudaDevAttrMaxGridDimY: *value = properties.maxGridSize[1]; break;
    case cudaDevAttrMaxGridDimZ: *value = properties.maxGridSize[2]; break;
    case cudaDevAttrWarpSize: *value = properties.warpSize; break;
    case cudaDevAttrL2CacheSize: *value = properties.l2CacheSize; break;
    default: *value = 1;  // nearly all others say whether something is supported
  }
  return cudaSuccess;
}

cudaError_t cudaDeviceGetPCIBusId(char* text, int length, int) {
  std::snprintf(text, length, "0000:00:00.0");
  return cudaSuccess;
}

cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  if (least) *least = 0;
  if (greatest) *greatest = -5;
  return cudaSuccess;
}

cudaError_t cudaDeviceCanAccessPeer(int* can, int, int) { return *can = 0, cudaSuccess; }

cudaError_t cudaGetLastError() {
  cudaError_t error = last_error;
  last_error = cudaSuccess;
  return error;
}

cudaError_t cudaPeekAtLastError() { return last_error; }

const char* cudaGetErrorString(cudaError_t error) {
  if (error == cudaErrorMemoryAllocation) return "out of memory";
  if (error == cudaErrorStreamCaptureUnsupported) {
    return "operation not permitted when stream is capturing";
  }
  return "an error of the null runtime";
}

const char* cudaGetErrorName(cudaError_t) { return "cudaErrorNull"; }

// Functions of the driver that torch looks up by name: none of them does anything.
static long do_nothing() { return 0; }

cudaError_t cudaGetDriverEntryPointByVersion(
    const char*, void** function, unsigned, unsigned long long,
    cudaDriverEntryPointQueryResult* result) {
  *function = (void*)do_nothing;
  if (result) *result = cudaDriverEntryPointSuccess;
  return cudaSuccess;
}

}  // extern "C"
