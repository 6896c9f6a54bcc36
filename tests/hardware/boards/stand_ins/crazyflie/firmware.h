/* What the glue uses of the Crazyflie's firmware: names and types only, from its public interface. */
#ifndef CRAZYFLIE_FIRMWARE_H
#define CRAZYFLIE_FIRMWARE_H
#include <stdbool.h>
#include <stdint.h>

typedef struct { float x, y, z; } Axis3f;
typedef struct { uint32_t timestamp; float x, y, z; } vec3_t;
typedef struct {
    uint32_t timestamp;
    union {
        struct { float q0, q1, q2, q3; };
        struct { float x, y, z, w; };
    };
} quaternion_t;
typedef struct { uint32_t timestamp; float roll, pitch, yaw; } attitude_t;
typedef struct { Axis3f acc, gyro; } sensorData_t;
typedef struct { attitude_t attitude; quaternion_t attitudeQuaternion; vec3_t position, velocity; } state_t;
typedef enum { modeDisable = 0, modeAbs, modeVelocity } stab_mode_t;
typedef struct {
    uint32_t timestamp;
    attitude_t attitude;
    attitude_t attitudeRate;
    quaternion_t attitudeQuaternion;
    float thrust;
    vec3_t position, velocity;
    bool velocity_body;
    struct { stab_mode_t x, y, z, roll, pitch, yaw, quat; } mode;
} setpoint_t;
typedef enum { controlModeLegacy = 0, controlModeForceTorque, controlModeForce } control_mode_t;
typedef struct { control_mode_t controlMode; float normalizedForces[4]; } control_t;
typedef uint32_t stabilizerStep_t;
#define RATE_DO_EXECUTE(RATE_HZ, STEP) (((STEP) % (1000 / (RATE_HZ))) == 0)

void controllerOutOfTreeInit(void);
bool controllerOutOfTreeTest(void);
void controllerOutOfTree(control_t *control, const setpoint_t *setpoint, const sensorData_t *sensors,
                         const state_t *state, const stabilizerStep_t stabilizerStep);
void appMain(void);
void vTaskDelay(uint32_t ticks);
#define M2T(milliseconds) (milliseconds)

#define LOG_UINT32 3
#define LOG_GROUP_START(group) static const void *const log_##group[] __attribute__((unused)) = {
#define LOG_ADD(type, name, address) address,
#define LOG_GROUP_STOP(group) };
#endif
