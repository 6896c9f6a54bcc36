/* Empty: the stand-in has its self-test in policy.c. */
typedef int policy_selftest_is_elsewhere;
