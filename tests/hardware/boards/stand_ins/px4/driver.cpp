// The firmware's side, with plain arrays for Python.
#include "mc_policy.hpp"

#define STAND_IN_DEFINE(name) Topic topic_##name {};
STAND_IN_TOPICS(STAND_IN_DEFINE)
float parameter_values[2];
bool exit_wanted = false;
unsigned exits = 0;
static hrt_abstime now_us = 0;
static uint32_t scheduled_us = 0;

hrt_abstime hrt_absolute_time()
{
	return now_us;
}

void px4::ScheduledWorkItem::ScheduleDelayed(uint32_t delay_us)
{
	scheduled_us = delay_us;
}

template<typename T> static void publish(Topic &topic, const T &message)
{
	uORB::Publication<T> {&topic}.publish(message);
}

template<typename T> static T last(const Topic &topic)
{
	T message;
	memcpy(&message, topic.data, sizeof(message));
	return message;
}

static px4::ScheduledWorkItem *item()
{
#ifdef EYAS_PX4_MODULE_DESCRIPTOR
	return static_cast<PolicyMode *>(PolicyMode::desc.object.value);
#else
	return PolicyMode::running();
#endif
}

extern "C" {
int mc_policy_main(int argc, char *argv[]);

int start()
{
	return mc_policy_main(0, nullptr);
}
void set_time(uint64_t time)
{
	now_us = time;
}
void set_parameter(int index, float value)
{
	parameter_values[index] = value;
}
void set_rate(const float *rate, uint64_t sampled)
{
	vehicle_angular_velocity_s message{};
	message.timestamp = now_us;
	message.timestamp_sample = sampled;
	memcpy(message.xyz, rate, sizeof(message.xyz));
	publish(topic_vehicle_angular_velocity, message);
}
void set_attitude(const float *quaternion)
{
	vehicle_attitude_s message{};
	message.timestamp = now_us;
	memcpy(message.q, quaternion, sizeof(message.q));
	publish(topic_vehicle_attitude, message);
}
void set_position(const float *position, const float *velocity, int valid)
{
	vehicle_local_position_s message{};
	message.timestamp = now_us;
	message.x = position[0];
	message.y = position[1];
	message.z = position[2];
	message.vx = velocity[0];
	message.vy = velocity[1];
	message.vz = velocity[2];
	message.xy_valid = valid != 0;
	message.z_valid = message.v_xy_valid = message.v_z_valid = true;
	publish(topic_vehicle_local_position, message);
}
void set_setpoint(const float *position, const float *velocity, float yaw)
{
	trajectory_setpoint_s message{};
	message.timestamp = now_us;
	memcpy(message.position, position, sizeof(message.position));
	memcpy(message.velocity, velocity, sizeof(message.velocity));
	message.yaw = yaw;
	publish(topic_trajectory_setpoint, message);
}
void set_nav_state(int state)
{
	vehicle_status_s message{};
	message.timestamp = now_us;
	message.nav_state = (uint8_t)state;
	publish(topic_vehicle_status, message);
}
void accept(int mode, uint64_t request_id)
{
	register_ext_component_reply_s message{};
	message.request_id = request_id;
	message.success = true;
	message.mode_id = (int8_t)mode;
	message.arming_check_id = 5;
	publish(topic_register_ext_component_reply, message);
}
void wake()
{
	item()->wake();
}
void leave()
{
	exit_wanted = true;
}
uint32_t watchdog()
{
	return scheduled_us;
}
// How often motors were published, and the last of it.
unsigned motors(float *control, uint64_t *sampled)
{
	const actuator_motors_s message = last<actuator_motors_s>(topic_actuator_motors);
	memcpy(control, message.control, sizeof(message.control));
	*sampled = message.timestamp_sample;
	return topic_actuator_motors.published;
}
uint64_t requested(int *flags)
{
	const auto message = last<register_ext_component_request_s>(topic_register_ext_component_request);
	flags[0] = message.register_arming_check;
	flags[1] = message.register_mode;
	flags[2] = message.enable_replace_internal_mode;
	flags[3] = message.replace_internal_mode;
	return message.request_id;
}
unsigned configured(int *flags)
{
	const auto message = last<vehicle_control_mode_s>(topic_config_control_setpoints);
	flags[0] = message.source_id;
	flags[1] = message.flag_control_allocation_enabled;
	flags[2] = message.flag_control_termination_enabled;
	return topic_config_control_setpoints.published;
}
unsigned ask_to_arm(int request, int *answer)
{
	arming_check_request_s message{};
	message.request_id = (uint8_t)request;
	publish(topic_arming_check_request, message);
	item()->wake();
	const auto reply = last<arming_check_reply_s>(topic_arming_check_reply);
	answer[0] = reply.request_id;
	answer[1] = reply.registration_id;
	answer[2] = reply.can_arm_and_run;
	answer[3] = reply.num_events;
	answer[4] = reply.mode_req_angular_velocity && reply.mode_req_attitude && reply.mode_req_local_position
		    && reply.mode_req_local_alt;
	return topic_arming_check_reply.published;
}
unsigned unregistered(int *ids)
{
	const auto message = last<unregister_ext_component_s>(topic_unregister_ext_component);
	ids[0] = message.mode_id;
	ids[1] = message.arming_check_id;
	return topic_unregister_ext_component.published;
}
}
