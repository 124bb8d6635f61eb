// What the parts of the null CUDA runtime share: counters, the last error, and the capture mode.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <mutex>
#include <string>

namespace null {

extern std::mutex mutex;  // guards all tables

// Count one event, for the tests to read.
void count(const std::string& event);

// Remember `error` as the last one, as cudaGetLastError returns it, and return it.
cudaError_t fail(cudaError_t error);

// Whether a stream is captured into a graph at the moment.
bool is_capturing();

// Whether the capture forbids, of all threads, what would synchronize or allocate.
bool is_capture_global();

// Refuse `call`, as the runtime does within a capture.
cudaError_t refuse_in_capture(const char* call);

// Bytes of device memory: of all, and those that are not allocated.
size_t total_bytes();
size_t free_bytes();

}  // namespace null
