// The firmware's side, with plain arrays for Python.
#include "firmware.h"

#include <stdint.h>

#include "policy_stampfly.hpp"

volatile float Roll_angle, Pitch_angle, Yaw_angle;
volatile float Roll_rate, Pitch_rate, Yaw_rate;
uint8_t OverG_flag = 0;

extern "C" {
float duties[4];  // fr, fl, rr, rl
uint32_t stops;

// angles: roll, pitch, yaw (rad); rates: the same (rad/s), all FRD.
void set_state(const float *angles, const float *rates) {
    Roll_angle  = angles[0];
    Pitch_angle = angles[1];
    Yaw_angle   = angles[2];
    Roll_rate   = rates[0];
    Pitch_rate  = rates[1];
    Yaw_rate    = rates[2];
}
void set_over_g(int over) {
    OverG_flag = (uint8_t)over;
}
int start(void) {
    return policy_stampfly_init();
}
void pose(uint32_t sampled_us, const float *position, const float *velocity, float yaw) {
    policy_set_pose(sampled_us, position, velocity, yaw);
}
void target(const float *position, const float *velocity, float yaw) {
    policy_set_target(position, velocity, yaw);
}
int turn(uint32_t now_us, int wanted) {
    return policy_stampfly_control(now_us, wanted != 0);
}
uint32_t coasted(void) {
    return policy_stampfly_counters().coasted;
}
}

void set_duty_fr(float duty) {
    duties[0] = duty;
}
void set_duty_fl(float duty) {
    duties[1] = duty;
}
void set_duty_rr(float duty) {
    duties[2] = duty;
}
void set_duty_rl(float duty) {
    duties[3] = duty;
}
void motor_stop(void);
void motor_stop(void) {
    stops++;
    for (float &duty : duties) duty = 0.0f;
}
