// cuBLAS, cuSOLVER and cuDNN: every call succeeds, products and convolutions are counted.
//
// Functions are declared without arguments, which the calling convention of C allows, so that no
// header of these libraries is needed.
#include "state.h"

#include <cstdlib>
#include <cstring>

using namespace null;

#define SUCCEED(name) \
  int name() { return 0; }
#define CREATE(name) \
  int name(void** handle) { return *handle = (void*)16, 0; }
#define COUNT(name) \
  int name() { return count_launch(#name); }

static int count_launch(const char* name) {
  count((is_capturing() ? "captured " : "launch ") + std::string(name));
  return 0;
}

extern "C" {

CREATE(cublasCreate_v2)
SUCCEED(cublasDestroy_v2)
SUCCEED(cublasSetStream_v2)
SUCCEED(cublasSetWorkspace_v2)
SUCCEED(cublasSetMathMode)
SUCCEED(cublasSetPointerMode_v2)
int cublasGetMathMode(void*, int* mode) { return *mode = 0, 0; }
int cublasGetPointerMode_v2(void*, int* mode) { return *mode = 0, 0; }
COUNT(cublasSgemm_v2)
COUNT(cublasGemmEx)
COUNT(cublasGemmStridedBatchedEx)
COUNT(cublasSgemmStridedBatched)
COUNT(cublasSgemmEx)
COUNT(cublasSgemv_v2)
COUNT(cublasSdot_v2)
COUNT(cublasDotEx)
COUNT(cublasSgetrfBatched)
COUNT(cublasSgetrsBatched)
COUNT(cublasSgetriBatched)
COUNT(cublasSmatinvBatched)
COUNT(cublasStrsm_v2)
COUNT(cublasStrsmBatched)

CREATE(cublasLtMatmulDescCreate)
SUCCEED(cublasLtMatmulDescDestroy)
SUCCEED(cublasLtMatmulDescSetAttribute)
CREATE(cublasLtMatmulPreferenceCreate)
SUCCEED(cublasLtMatmulPreferenceDestroy)
SUCCEED(cublasLtMatmulPreferenceSetAttribute)
CREATE(cublasLtMatrixLayoutCreate)
SUCCEED(cublasLtMatrixLayoutDestroy)
SUCCEED(cublasLtMatrixLayoutSetAttribute)
COUNT(cublasLtMatmul)

struct Heuristic {
  unsigned long long algorithm[8];
  size_t workspace;
  int state;
  float waves;
  int reserved[4];
};

int cublasLtMatmulAlgoGetHeuristic(
    void*, void*, void*, void*, void*, void*, void*, int, Heuristic* result, int* number) {
  std::memset(result, 0, sizeof *result);
  return *number = 1, 0;
}

CREATE(cusolverDnCreate)
SUCCEED(cusolverDnDestroy)
SUCCEED(cusolverDnSetStream)
int cusolverDnSgetrf_bufferSize(void*, int, int, float*, int, int* length) {
  return *length = 1024, 0;
}
COUNT(cusolverDnSgetrf)
COUNT(cusolverDnSgetrs)

CREATE(cudnnCreate)
SUCCEED(cudnnDestroy)
SUCCEED(cudnnSetStream)
int cudnnGetStream(void*, void** stream) { return *stream = nullptr, 0; }

// The graph interface of cuDNN, by which torch convolves: one engine fits everything.
struct Descriptor {
  int type;
};

int cudnnBackendCreateDescriptor(int type, Descriptor** descriptor) {
  return *descriptor = new Descriptor{type}, 0;
}
int cudnnBackendDestroyDescriptor(Descriptor* descriptor) {
  delete descriptor;
  return 0;
}
SUCCEED(cudnnBackendFinalize)
SUCCEED(cudnnBackendSetAttribute)
int cudnnBackendGetAttribute(
    Descriptor*, int name, int type, long wanted, long* number, void* values) {
  const int engine_results = 202, int64 = 3;
  const bool is_size = type == int64 && values && wanted == 1;
  if (is_size) *(long long*)values = 0;
  if (number) *number = name == engine_results || is_size;
  return 0;
}
COUNT(cudnnBackendExecute)

}  // extern "C"
