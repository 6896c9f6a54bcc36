/* The stabilizer's side, with plain arrays for Python. */
#include "firmware.h"

static state_t state;
static sensorData_t sensors;
static setpoint_t setpoint;

void vTaskDelay(uint32_t ticks)
{
    (void)ticks;
}

/* quaternion: w, x, y, z; gyro: deg/s. */
void set_state(const float *position, const float *quaternion, const float *velocity, const float *gyro)
{
    state.position.x = position[0];
    state.position.y = position[1];
    state.position.z = position[2];
    state.velocity.x = velocity[0];
    state.velocity.y = velocity[1];
    state.velocity.z = velocity[2];
    state.attitudeQuaternion.w = quaternion[0];
    state.attitudeQuaternion.x = quaternion[1];
    state.attitudeQuaternion.y = quaternion[2];
    state.attitudeQuaternion.z = quaternion[3];
    sensors.gyro.x = gyro[0];
    sensors.gyro.y = gyro[1];
    sensors.gyro.z = gyro[2];
}

/* yaw, yaw_rate: deg, deg/s; modes: x, y, z, yaw. */
void set_setpoint(const float *position, const float *velocity, float yaw, float yaw_rate, const int *modes, int body)
{
    setpoint.position.x = position[0];
    setpoint.position.y = position[1];
    setpoint.position.z = position[2];
    setpoint.velocity.x = velocity[0];
    setpoint.velocity.y = velocity[1];
    setpoint.velocity.z = velocity[2];
    setpoint.attitude.yaw = yaw;
    setpoint.attitudeRate.yaw = yaw_rate;
    setpoint.mode.x = (stab_mode_t)modes[0];
    setpoint.mode.y = (stab_mode_t)modes[1];
    setpoint.mode.z = (stab_mode_t)modes[2];
    setpoint.mode.yaw = (stab_mode_t)modes[3];
    setpoint.mode.quat = modeDisable;
    setpoint.velocity_body = body != 0;
}

void set_setpoint_quaternion(const float *quaternion)
{
    setpoint.attitudeQuaternion.w = quaternion[0];
    setpoint.attitudeQuaternion.x = quaternion[1];
    setpoint.attitudeQuaternion.y = quaternion[2];
    setpoint.attitudeQuaternion.z = quaternion[3];
    setpoint.mode.quat = modeAbs;
}

/* forces keep what they were where the controller does not write them. Returns the control mode. */
int tick(uint32_t step, float *forces)
{
    static control_t control;
    for (int i = 0; i < 4; i++) {
        control.normalizedForces[i] = forces[i];
    }
    controllerOutOfTree(&control, &setpoint, &sensors, &state, step);
    for (int i = 0; i < 4; i++) {
        forces[i] = control.normalizedForces[i];
    }
    return (int)control.controlMode;
}
