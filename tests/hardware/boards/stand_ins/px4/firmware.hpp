// What the glue uses of PX4: names and types only, from its public interface. One topic is one message.
#pragma once
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define __EXPORT
#define MODULE_NAME "stand-in"
#define PX4_OK 0
#define PX4_ERROR (-1)
#define PX4_INFO(...) ((void)printf(__VA_ARGS__))
#define PX4_WARN(...) ((void)printf(__VA_ARGS__))
#define PX4_ERR(...) ((void)printf(__VA_ARGS__))
#define PRINT_MODULE_DESCRIPTION(text) ((void)(text))
#define PRINT_MODULE_USAGE_NAME(name, category) ((void)(name))
#define PRINT_MODULE_USAGE_COMMAND(name) ((void)(name))
#define PRINT_MODULE_USAGE_DEFAULT_COMMANDS() ((void)0)

typedef uint64_t hrt_abstime;
hrt_abstime hrt_absolute_time();
namespace time_literals {}

struct vehicle_angular_velocity_s { uint64_t timestamp, timestamp_sample; float xyz[3]; };
struct vehicle_attitude_s { uint64_t timestamp, timestamp_sample; float q[4]; };
struct vehicle_local_position_s {
	uint64_t timestamp, timestamp_sample;
	float x, y, z, vx, vy, vz;
	bool xy_valid, z_valid, v_xy_valid, v_z_valid;
};
struct trajectory_setpoint_s { uint64_t timestamp; float position[3], velocity[3], yaw, yawspeed; };
struct vehicle_status_s {
	uint64_t timestamp;
	uint8_t nav_state;
	static constexpr uint8_t NAVIGATION_STATE_OFFBOARD = 14;
};
struct parameter_update_s { uint64_t timestamp; };
struct actuator_motors_s {
	uint64_t timestamp, timestamp_sample;
	uint16_t reversible_flags;
	float control[12];
	static constexpr uint8_t NUM_CONTROLS = 12;
};
struct register_ext_component_request_s {
	uint64_t timestamp, request_id;
	char name[25];
	uint16_t px4_ros2_api_version;
	bool register_arming_check, register_mode, enable_replace_internal_mode, request_offboard_setpoints;
	uint8_t replace_internal_mode;
	static constexpr uint16_t LATEST_PX4_ROS2_API_VERSION = 1;
};
struct register_ext_component_reply_s {
	uint64_t timestamp, request_id;
	bool success;
	int8_t arming_check_id, mode_id;
};
struct unregister_ext_component_s {
	uint64_t timestamp;
	char name[25];
	int8_t arming_check_id, mode_id, mode_executor_id;
};
struct arming_check_request_s { uint64_t timestamp; uint8_t request_id; };
struct arming_check_reply_s {
	uint64_t timestamp;
	uint8_t request_id, registration_id, health_component_index, num_events;
	bool can_arm_and_run, mode_req_angular_velocity, mode_req_attitude, mode_req_local_position, mode_req_local_alt;
	static constexpr uint8_t HEALTH_COMPONENT_INDEX_NONE = 0;
};
struct vehicle_control_mode_s {
	uint64_t timestamp;
	uint8_t source_id;
	bool flag_control_allocation_enabled, flag_control_termination_enabled;
};

struct Topic {
	unsigned char data[256];
	unsigned published;
};
#define ORB_ID(name) (&topic_##name)
#define STAND_IN_TOPICS(X) \
	X(vehicle_angular_velocity) X(vehicle_attitude) X(vehicle_local_position) X(trajectory_setpoint) \
	X(vehicle_status) X(parameter_update) X(actuator_motors) X(register_ext_component_request) \
	X(register_ext_component_reply) X(unregister_ext_component) X(arming_check_request) \
	X(arming_check_reply) X(config_control_setpoints)
#define STAND_IN_EXTERN(name) extern Topic topic_##name;
STAND_IN_TOPICS(STAND_IN_EXTERN)

namespace px4
{
struct wq_config_t {};
namespace wq_configurations { static const wq_config_t rate_ctrl; }
enum class params { THR_MDL_FAC, EYAS_OFFBOARD };

class WorkItem
{
public:
	virtual ~WorkItem() = default;
	void wake() { Run(); }
protected:
	virtual void Run() = 0;
};
class ScheduledWorkItem : public WorkItem
{
public:
	ScheduledWorkItem(const char *, const wq_config_t &) {}
	void ScheduleDelayed(uint32_t delay_us);
	void ScheduleClear() {}
};
}

namespace uORB
{
class Subscription
{
public:
	Subscription(Topic *topic) : _topic(topic), _seen(topic->published) {}
	bool updated() const { return _topic->published != _seen; }
	template<typename T> bool copy(T *message)
	{
		static_assert(sizeof(T) <= sizeof(Topic::data), "too small");
		_seen = _topic->published;
		memcpy(message, _topic->data, sizeof(T));
		return true;
	}
	template<typename T> bool update(T *message) { return updated() && copy(message); }
private:
	Topic *_topic;
	unsigned _seen;
};
class SubscriptionCallbackWorkItem : public Subscription
{
public:
	SubscriptionCallbackWorkItem(px4::WorkItem *, Topic *topic) : Subscription(topic) {}
	bool registerCallback() { return true; }
	void unregisterCallback() {}
};
template<typename T> class Publication
{
public:
	Publication(Topic *topic) : _topic(topic) {}
	void advertise() {}
	void publish(const T &message)
	{
		memcpy(_topic->data, &message, sizeof(T));
		_topic->published++;
	}
private:
	Topic *_topic;
};
}

class ModuleParams
{
public:
	ModuleParams(ModuleParams *) {}
	virtual ~ModuleParams() = default;
protected:
	void updateParams() {}
};
extern float parameter_values[2];
template<px4::params P> struct ParamFloat { float get() const { return parameter_values[(int)P]; } };
template<px4::params P> struct ParamBool { bool get() const { return parameter_values[(int)P] > 0.5f; } };
#define STAND_IN_TYPE(type) type
#define DEFINE_PARAMETERS(a, b) STAND_IN_TYPE a; STAND_IN_TYPE b;

enum { task_id_is_work_queue = -2 };
template<typename T> struct Holder {
	T value;
	void store(T given) { value = given; }
};
extern bool exit_wanted;
extern unsigned exits;
#ifdef EYAS_PX4_MODULE_DESCRIPTOR
class ModuleBase
{
public:
	virtual ~ModuleBase() = default;
	struct Descriptor {
		int (*task_spawn)(int, char *[]);
		int (*custom_command)(int, char *[]);
		int (*print_usage)(const char *);
		Holder<ModuleBase *> object{nullptr};
		int task_id{-1};
		Descriptor(int (*s)(int, char *[]), int (*c)(int, char *[]), int (*u)(const char *)) :
			task_spawn(s), custom_command(c), print_usage(u) {}
	};
	virtual int print_status() = 0;
	static int main(Descriptor &descriptor, int argc, char *argv[]) { return descriptor.task_spawn(argc, argv); }
protected:
	bool should_exit() const { return exit_wanted; }
	void exit_and_cleanup(Descriptor &) { exits++; }
};
#else
template<class T> class ModuleBase
{
public:
	virtual ~ModuleBase() = default;
	virtual int print_status() = 0;
	static int main(int argc, char *argv[]) { return T::task_spawn(argc, argv); }
	static T *running() { return _object.value; }
protected:
	bool should_exit() const { return exit_wanted; }
	void exit_and_cleanup() { exits++; }
	static Holder<T *> _object;
	static int _task_id;
};
template<class T> Holder<T *> ModuleBase<T>::_object {nullptr};
template<class T> int ModuleBase<T>::_task_id = -1;
#endif
