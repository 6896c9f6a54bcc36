/* The firmware's side, with plain arrays for Python. */
#include "firmware.h"

gyro_t gyro;
float motor[MAX_SUPPORTED_MOTORS];
mixerRuntime_t mixerRuntime = { 158.0f, 2047.0f, 0.0f };
static mixerConfig_t mixer_config = { MIXER_QUADX, false };
static quaternion attitude;

const mixerConfig_t *mixerConfig(void)
{
    return &mixer_config;
}

void getQuaternion(quaternion *q)
{
    *q = attitude;
}

/* quaternion: w, x, y, z; rate: deg/s. */
void set_state(const float *turn, const float *rate)
{
    attitude.w = turn[0];
    attitude.x = turn[1];
    attitude.y = turn[2];
    attitude.z = turn[3];
    for (int i = 0; i < 3; i++) {
        gyro.gyroADCf[i] = rate[i];
    }
}

void set_mixer(int mode, int reversed)
{
    mixer_config.mixerMode = (uint8_t)mode;
    mixer_config.yaw_motors_reversed = reversed != 0;
}
