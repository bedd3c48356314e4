"""Owns: wiring. Settings, addresses, the timetable of background work, how the processes start and stop.

Does not own: any rule of the business, any table.

Always true: imported by no other app; every knob comes from the environment (`.env.example`) and has a
default that works.
"""
