/* What the glue uses of Betaflight: names and types only, from its public interface. */
#ifndef BETAFLIGHT_FIRMWARE_H
#define BETAFLIGHT_FIRMWARE_H
#include <stdbool.h>
#include <stdint.h>

#define MAX_SUPPORTED_MOTORS 8
#define MIXER_QUADX 3
typedef struct { float w, x, y, z; } quaternion;
typedef struct { float gyroADCf[3]; } gyro_t;
typedef struct { uint8_t mixerMode; bool yaw_motors_reversed; } mixerConfig_t;
typedef struct { float motorOutputLow, motorOutputHigh, disarmMotorOutput; } mixerRuntime_t;
extern gyro_t gyro;
extern float motor[MAX_SUPPORTED_MOTORS];
extern mixerRuntime_t mixerRuntime;
const mixerConfig_t *mixerConfig(void);
void getQuaternion(quaternion *q);
#endif
