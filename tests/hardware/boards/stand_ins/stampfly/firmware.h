/* What the glue uses of M5StampFly and of Arduino: names and types only, from their public interfaces. */
#ifndef STAMPFLY_FIRMWARE_H
#define STAMPFLY_FIRMWARE_H
#include <stdint.h>

typedef struct { int taken; } portMUX_TYPE;
#define portMUX_INITIALIZER_UNLOCKED { 0 }
#define portENTER_CRITICAL(lock) ((lock)->taken++)
#define portEXIT_CRITICAL(lock) ((lock)->taken--)

extern volatile float Roll_angle, Pitch_angle, Yaw_angle;
extern volatile float Roll_rate, Pitch_rate, Yaw_rate;
extern uint8_t OverG_flag;
void set_duty_fr(float duty);
void set_duty_fl(float duty);
void set_duty_rr(float duty);
void set_duty_rl(float duty);
#endif
