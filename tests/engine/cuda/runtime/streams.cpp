// Streams, events, and the capture of a stream into a graph. All work is done at once.
#include "state.h"

#include <atomic>

using namespace null;

enum class Capture { none, global, thread_local_, relaxed };

static Capture capture = Capture::none;
static cudaStream_t captured = nullptr;

static uintptr_t next_handle() {
  static std::atomic<uintptr_t> last{0x1000};
  return last += 16;
}

bool null::is_capturing() { return capture != Capture::none; }
bool null::is_capture_global() { return capture == Capture::global; }

cudaError_t null::refuse_in_capture(const char* call) {
  count(std::string("refused in a capture: ") + call);
  return fail(cudaErrorStreamCaptureUnsupported);
}

// Whether to wait for `stream` is an error: it is captured, or waits for the captured one.
static bool is_forbidden(cudaStream_t stream) {
  return is_capturing() && (stream == captured || (!stream && capture != Capture::relaxed));
}

static Capture from_mode(cudaStreamCaptureMode mode) {
  return mode == cudaStreamCaptureModeGlobal        ? Capture::global
         : mode == cudaStreamCaptureModeThreadLocal ? Capture::thread_local_
                                                    : Capture::relaxed;
}

static cudaStreamCaptureMode to_mode(Capture kind) {
  return kind == Capture::relaxed         ? cudaStreamCaptureModeRelaxed
         : kind == Capture::thread_local_ ? cudaStreamCaptureModeThreadLocal
                                          : cudaStreamCaptureModeGlobal;
}

extern "C" {

cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned, int) {
  return *stream = (cudaStream_t)next_handle(), cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  return cudaStreamCreateWithPriority(stream, 0, 0);
}
cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return cudaStreamCreateWithPriority(stream, 0, 0);
}
cudaError_t cudaStreamDestroy(cudaStream_t) { return cudaSuccess; }
cudaError_t cudaStreamGetPriority(cudaStream_t, int* priority) {
  return *priority = 0, cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned) { return cudaSuccess; }
cudaError_t cudaLaunchHostFunc(cudaStream_t, cudaHostFn_t function, void* data) {
  return function(data), cudaSuccess;
}

cudaError_t cudaStreamQuery(cudaStream_t stream) {
  return is_forbidden(stream) ? refuse_in_capture("cudaStreamQuery") : cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  if (is_forbidden(stream)) return refuse_in_capture("cudaStreamSynchronize");
  return count("synchronization cudaStreamSynchronize"), cudaSuccess;
}

cudaError_t cudaDeviceSynchronize() {
  if (is_capturing()) return refuse_in_capture("cudaDeviceSynchronize");
  return count("synchronization cudaDeviceSynchronize"), cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  return *event = (cudaEvent_t)next_handle(), cudaSuccess;
}
cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, 0); }
cudaError_t cudaEventDestroy(cudaEvent_t) { return cudaSuccess; }
cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t) { return cudaSuccess; }
cudaError_t cudaEventRecordWithFlags(cudaEvent_t, cudaStream_t, unsigned) { return cudaSuccess; }
cudaError_t cudaEventElapsedTime(float* time, cudaEvent_t, cudaEvent_t) {
  return *time = 0, cudaSuccess;
}
cudaError_t cudaEventQuery(cudaEvent_t) {
  return is_capture_global() ? refuse_in_capture("cudaEventQuery") : cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t) {
  if (is_capturing()) return refuse_in_capture("cudaEventSynchronize");
  return count("synchronization cudaEventSynchronize"), cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  const bool is_this = is_capturing() && stream == captured;
  *status = is_this ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
  return cudaSuccess;
}

cudaError_t cudaStreamGetCaptureInfo(
    cudaStream_t stream, cudaStreamCaptureStatus* status, unsigned long long* id,
    cudaGraph_t* graph, const cudaGraphNode_t** dependencies, const cudaGraphEdgeData** edges,
    size_t* count) {
  cudaStreamIsCapturing(stream, status);
  if (id) *id = is_capturing() ? 1 : 0;
  if (graph) *graph = (cudaGraph_t)next_handle();
  if (dependencies) *dependencies = nullptr;
  if (edges) *edges = nullptr;
  if (count) *count = 0;
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  captured = stream;
  capture = from_mode(mode);
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t* graph) {
  capture = Capture::none;
  return *graph = (cudaGraph_t)next_handle(), cudaSuccess;
}

cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
  const Capture before = capture;
  if (is_capturing()) capture = from_mode(*mode);
  *mode = to_mode(before);
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiateWithFlags(
    cudaGraphExec_t* executable, cudaGraph_t, unsigned long long) {
  return *executable = (cudaGraphExec_t)next_handle(), cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t, unsigned long long) {
  return cudaGraphInstantiateWithFlags(executable, nullptr, 0);
}
cudaError_t cudaGraphUpload(cudaGraphExec_t, cudaStream_t) { return cudaSuccess; }
cudaError_t cudaGraphLaunch(cudaGraphExec_t, cudaStream_t) {
  return count("launch graph"), cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t) { return cudaSuccess; }
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t) { return cudaSuccess; }
cudaError_t cudaGraphGetNodes(cudaGraph_t, cudaGraphNode_t*, size_t* count) {
  return *count = 1, cudaSuccess;
}
cudaError_t cudaGraphRetainUserObject(cudaGraph_t, cudaUserObject_t, unsigned, unsigned) {
  return cudaSuccess;
}
cudaError_t cudaUserObjectCreate(
    cudaUserObject_t* object, void*, cudaHostFn_t, unsigned, unsigned) {
  return *object = (cudaUserObject_t)next_handle(), cudaSuccess;
}
cudaError_t cudaUserObjectRelease(cudaUserObject_t, unsigned) { return cudaSuccess; }

}  // extern "C"
