"""RAPTOR: one recurrent policy that flies any quadrotor; its teachers, its training, its tests."""
