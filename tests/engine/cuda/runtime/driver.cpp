// The functions of the driver that libcaffe2_nvrtc.so refers to. Torch calls the first two, to
// find the device of a backward pass; the others only have to exist.

#define SUCCEED(name) \
  int name() { return 0; }

extern "C" {

int cuDevicePrimaryCtxGetState(int, unsigned* flags, int* is_active) {
  *flags = 0;
  *is_active = 1;
  return 0;
}

int cuCtxGetCurrent(void** context) {
  *context = (void*)16;
  return 0;
}

SUCCEED(cuCtxSetCurrent)
SUCCEED(cuDeviceGet)
SUCCEED(cuDeviceGetAttribute)
SUCCEED(cuDevicePrimaryCtxRetain)
SUCCEED(cuFuncGetAttribute)
SUCCEED(cuFuncSetAttribute)
SUCCEED(cuFuncSetCacheConfig)
SUCCEED(cuGetErrorString)
SUCCEED(cuLaunchCooperativeKernel)
SUCCEED(cuLaunchKernel)
SUCCEED(cuLinkAddData_v2)
SUCCEED(cuLinkComplete)
SUCCEED(cuLinkCreate_v2)
SUCCEED(cuModuleGetFunction)
SUCCEED(cuModuleLoad)
SUCCEED(cuModuleLoadData)
SUCCEED(cuModuleLoadDataEx)
SUCCEED(cuModuleUnload)
SUCCEED(cuOccupancyMaxActiveBlocksPerMultiprocessor)
SUCCEED(cuPointerGetAttribute)
SUCCEED(cuTensorMapEncodeTiled)

}  // extern "C"
